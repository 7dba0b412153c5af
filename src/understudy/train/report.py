"""The report of a run: plots, one page in Markdown and the same as one HTML file, made from the run's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.core import log
from understudy.core.errors import UnderstudyError
from understudy.core.events import read_events
from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder
from understudy.report.events import section

# where a run is and how it is called says nothing about what was trained
_PLACE = {"output_dir", "job_name", "resume", "report"}
# what LeRobot fills in by itself
_LEROBOT_OPEN = {"policy.device", "policy.repo_id", "policy.pretrained_path", "checkpoint_path", "wandb.run_id"}


def write_report(run: RunFolder) -> Path:
    """Draw the plots and write report.md and report.html; the path of report.md. Raises DiskFull."""
    from understudy.diagnose.run_view import view_of_events
    from understudy.diagnose.target import findings_of
    from understudy.report.page import write_page
    from understudy.report.plots import write_plots

    events, config = read_events(run.events), json_or_empty(run.config)
    view = view_of_events(run.path.name, events, config)
    write_plots(run, view.history)
    findings = [finding.to_json() for finding in findings_of(view, run.path)]
    return write_page(run, events=events, findings=findings, changed=changed_options(config))


def leave_report(run: RunFolder) -> None:
    """The report at the end of a training: what goes wrong with it is said, and takes nothing from the run."""
    try:
        log.say(f"{'report':<10} {write_report(run).with_suffix('.html')}")
    except (UnderstudyError, OSError, ValueError) as error:
        log.warn(f"the report could not be written ({error}); try again: understudy report {run.path}")


def changed_options(config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, value, default) of every option of a complete configuration that differs from its default."""
    policy, repo_id = section(config, "policy").get("type"), section(config, "dataset").get("repo_id")
    least = {"policy": {"type": policy}, "dataset": {"repo_id": repo_id}}
    default = _complete(least) if policy and repo_id else None
    if default is None:
        return []  # of a policy that we do not train, or of a newer version of this program
    if "precision" not in config:
        # LeRobot's own: what its defaults are is known by its keys, and others are not spoken of
        known = _lerobot_defaults(least)
        return [found for found in _differences(config, known) if found[0] not in _PLACE | _LEROBOT_OPEN]
    found = []
    for group, value in config.items():
        # a group that is off by default, such as `env`: that it is on, and what of it is not as it comes
        if isinstance(value, dict) and default.get(group) is None and "type" in value:
            on = _complete({**least, group: {"type": value["type"]}})
            if on is not None:
                default[group] = on[group]
                found.append((f"{group}.type", value["type"], None))
    return found + [(name, value, was) for name, value, was in _differences(config, default) if name not in _PLACE]


def _lerobot_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    from understudy.train.config import TrainConfig
    from understudy.train.lerobot_config import lerobot_train_config

    return lerobot_train_config(TrainConfig.model_validate(options)) | {"save_freq": 20_000, "eval_freq": 20_000}


def _complete(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The whole configuration that these options stand for; None where they stand for none."""
    from pydantic import ValidationError

    from understudy.train.config import TrainConfig

    try:
        return TrainConfig.model_validate(options).to_json()
    except (ValidationError, UnderstudyError):
        return None


def _differences(found: Mapping[str, Any], default: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    differing: list[tuple[str, Any, Any]] = []
    for name, value in found.items():
        if name not in default:
            continue  # of another version or program: what it comes as is not known
        was = default[name]
        if name in ("input_features", "output_features"):
            continue  # the dataset's, not a choice
        if isinstance(value, dict) and was == {}:
            # no options of its own: what is in it is anybody's, such as names that are changed
            differing += [(f"{prefix}{name}.{key}", entry, None) for key, entry in value.items()]
        elif isinstance(value, dict) and isinstance(was, dict):
            differing += _differences(value, was, f"{prefix}{name}.")
        elif value != was:
            differing.append((prefix + name, value, was))
    return differing
