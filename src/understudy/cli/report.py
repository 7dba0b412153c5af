"""`understudy report RUN | LOGFILE`: plots and a page, in Markdown and one HTML file. `--compare`: side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError
from understudy.core.files import check_new
from understudy.core.run_folder import RunFolder


class ReportOptions(Options):
    """Writes report.md, report.html (one file) and plots/ of a run, or of somebody else's log."""

    target: Path | None = Field(None, description="a run's folder; a log of LeRobot, W&B or TensorBoard")
    compare: list[Path] | None = Field(None, description="two or more runs side by side, as '[outputs/a, outputs/b]'")
    output_dir: Path | None = Field(
        None, description="new folder for the report; null: the run's own; a log and a comparison need one"
    )


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code."""
    options = parse_options(ReportOptions, arguments, positionals=["target"], verb="report")
    if (options.target is None) == (options.compare is None):
        raise ConfigError("name a run, or several with --compare", hint="understudy report outputs/cube")
    if options.output_dir is not None:
        check_new(options.output_dir)
    if options.compare is not None:
        page = _side_by_side(options.compare, options.output_dir)
    else:
        assert options.target is not None
        page = _of_one(options.target, options.output_dir)
    if options.as_json:
        print(json.dumps({"path": str(page), "html": str(page.with_suffix(".html"))}, indent=2))
    else:
        log.say(f"{page}\n{page.with_suffix('.html')}")
    return 0


def _of_one(target: Path, output: Path | None) -> Path:
    from understudy.train.report import write_report

    folder = RunFolder(target)
    if folder.events.exists():
        if output is not None:
            raise ConfigError(
                "the report of a run stands in its own folder, beside what it speaks of",
                where="--output_dir",
                hint="leave it out; report.html can be carried anywhere",
            )
        return write_report(folder)
    if output is None:
        raise ConfigError(
            "a log has no folder of its own for a report", where=str(target), hint="name a new one: --output_dir=FOLDER"
        )
    from understudy.train.foreign_run import run_from_log

    return write_report(run_from_log(target, output))


def _side_by_side(runs: Sequence[Path], output: Path | None) -> Path:
    from understudy.train.side_by_side import write_side_by_side

    if len(runs) < 2:
        raise ConfigError("a comparison needs two runs or more", where="--compare")
    if output is None:
        raise ConfigError("a comparison needs a folder", where="--compare", hint="--output_dir=FOLDER, a new one")
    return write_side_by_side(runs, output)
