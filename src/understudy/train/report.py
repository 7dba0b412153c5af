"""The report of a run: plots, one page in Markdown and the same as one HTML file, made from the run's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.core import log
from understudy.core.errors import UnderstudyError
from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder

# where a run is and how it is called says nothing about what was trained
_PLACE = {"output_dir", "job_name", "resume", "report"}


def write_report(run: RunFolder) -> Path:
    """Draw the plots and write report.md and report.html; the path of report.md. Raises DiskFull."""
    from understudy.diagnose.run_view import view_of_run
    from understudy.diagnose.target import findings_of
    from understudy.report.page import write_page
    from understudy.report.plots import write_plots

    write_plots(run)
    findings = [finding.to_json() for finding in findings_of(view_of_run(run), run.path)]
    return write_page(run, findings=findings, changed=changed_options(json_or_empty(run.config)))


def leave_report(run: RunFolder) -> None:
    """The report at the end of a training: what goes wrong with it is said, and takes nothing from the run."""
    try:
        log.say(f"{'report':<10} {write_report(run).with_suffix('.html')}")
    except (UnderstudyError, OSError, ValueError) as error:
        log.warn(f"the report could not be written ({error}); try again: understudy report {run.path}")


def changed_options(config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, value, default) of every option of a complete configuration that differs from its default."""
    from pydantic import ValidationError

    from understudy.train.config import TrainConfig

    policy = (config.get("policy") or {}).get("type")
    repo_id = (config.get("dataset") or {}).get("repo_id")
    if not policy or not repo_id:
        return []
    try:
        default = TrainConfig.model_validate({"policy": {"type": policy}, "dataset": {"repo_id": repo_id}}).to_json()
    except (ValidationError, UnderstudyError):
        return []  # of another program, or of a newer version of this one
    return [(name, value, was) for name, value, was in _differences(config, default) if name not in _PLACE]


def _differences(found: Mapping[str, Any], default: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    differing: list[tuple[str, Any, Any]] = []
    for name, value in found.items():
        was = default.get(name)
        if name in ("input_features", "output_features"):
            continue  # the dataset's, not a choice
        if isinstance(value, dict) and isinstance(was, dict):
            differing += _differences(value, was, f"{prefix}{name}.")
        elif value != was:
            differing.append((prefix + name, value, was))
    return differing
