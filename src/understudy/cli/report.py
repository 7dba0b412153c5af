"""`understudy report RUN | LOGFILE`: plots and a page, in Markdown and one HTML file. Several: side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError
from understudy.core.files import check_new, check_place
from understudy.core.run_folder import ENSEMBLE, RunFolder, run_of_checkpoint

_OF_A_SEED = "of one seed: understudy report ENSEMBLE/seed-1000; of all side by side: understudy report ENSEMBLE/seed-*"


class ReportOptions(Options):
    """Writes report.md, report.html (one file) and plots/ of a run, or of what another program left of one."""

    target: list[Path] | Path = Field(
        [],
        description="a run's folder, LeRobot's output folder, or a log of LeRobot, W&B or TensorBoard; "
        "several: side by side",
    )
    compare: list[Path] | Path | None = Field(
        None, description="several side by side: --compare RUN RUN ..., or '[RUN, RUN]'"
    )
    output_dir: Path | None = Field(
        None,
        description="new folder for the report; null: the run's own; what is not ours and several runs need one",
    )


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code."""
    options = parse_options(ReportOptions, arguments, positionals=["target..."], verb="report")
    asked = _listed(options.compare)
    runs = [*asked, *_listed(options.target)]
    if not runs:
        raise ConfigError("name a run, or several", hint="understudy report outputs/cube")
    if options.output_dir is not None:
        check_new(options.output_dir)
        check_place(options.output_dir, "--output_dir")
    if len(runs) > 1 or asked:
        page = _side_by_side([_home(path) for path in runs], options.output_dir)
    else:
        page = _of_one(_home(runs[0]), options.output_dir)
    if options.as_json:
        print(json.dumps({"path": str(page), "html": str(page.with_suffix(".html"))}, indent=2))
    else:
        log.say(f"{page}\n{page.with_suffix('.html')}")
    return 0


def _listed(paths: list[Path] | Path | None) -> list[Path]:
    return [paths] if isinstance(paths, Path) else paths or []


def _home(path: Path) -> Path:
    """The folder of a run that was named by its events, by a checkpoint, or by something in one. Raises ConfigError."""
    if not path.exists():
        raise ConfigError("there is no such file or folder", where=str(path))
    if path.is_file() and path.name == "events.jsonl":
        return path.parent
    run = run_of_checkpoint(path) or run_of_checkpoint(path.resolve())
    return path if run is None else run.path


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
        check_place(target, "report.md")
        return write_report(folder)
    if (target / ENSEMBLE).exists():
        raise ConfigError(
            "this is an ensemble, which has a page of its own", where=str(target / "ensemble.md"), hint=_OF_A_SEED
        )
    if output is None:
        raise ConfigError(
            "what another program left gets no files of ours", where=str(target), hint="name a new folder: --output_dir"
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
