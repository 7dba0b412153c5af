"""`understudy doctor DATASET | RUN | LOGFILE`: what is wrong, with evidence and a remedy. Alone: this installation."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError
from understudy.core.files import check_new

if TYPE_CHECKING:
    from understudy.diagnose.finding import Finding
    from understudy.diagnose.target import Diagnosis

_MARKS = {"error": "ERROR  ", "warning": "warning", "note": "note   "}
_WIDTH = 110


class DoctorOptions(Options):
    """Finds what is wrong with a dataset, a run, a log of LeRobot, W&B or TensorBoard, or with this installation."""

    target: str | None = Field(
        None, description="a dataset, a run's folder or a log file; null: decode, multiply and write here, for a test"
    )
    pictures: bool = Field(True, description="look at a dataset's pictures; false is faster and sees half")
    contact_sheet: Path | None = Field(
        None, description="new PNG file with the pictures that findings speak of; datasets only"
    )


def run(arguments: Sequence[str]) -> int:
    """The verb; 1 when something was found that will not work as it is."""
    options = parse_options(DoctorOptions, arguments, positionals=["target"], verb="doctor")
    if options.contact_sheet is not None:
        if options.target is None:
            raise ConfigError("there are no pictures without a dataset", where="--contact_sheet")
        check_new(options.contact_sheet, "contact sheet")
    if options.target is None:
        from understudy.cli.installation import examine

        found = examine()
    else:
        from understudy.diagnose.target import diagnose

        found = diagnose(options.target, pictures=options.pictures)
    if options.as_json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        log.say(as_text(found))
    if options.contact_sheet is not None:
        _draw(found, options)
    return int(found.has_errors)


def as_text(found: Diagnosis) -> str:
    """Findings by severity, each with its remedy, and how much was looked at."""
    lines = [found.target if found.kind == "installation" else f"{found.kind} {found.target}"]
    if found.events_seen:
        lines[0] += f"  ({found.events_parsed:,} of {found.events_seen:,} lines with numbers understood)"
    for finding in found.findings:
        lines += [*([""] if finding.remedy else []), *_told(finding)]
    counted = ", ".join(
        f"{n} {name}{'s' if n > 1 else ''}"
        for name in _MARKS
        if (n := sum(finding.severity == name for finding in found.findings))
    )
    lines += ["", f"{found.rules} questions asked: {counted or 'nothing was found'}"]
    return "\n".join(lines)


def _told(finding: Finding) -> list[str]:
    head = f"{_MARKS[finding.severity]}  {finding.message}  [{finding.rule}]"
    indent = " " * 9
    lines = textwrap.wrap(head, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    if not finding.remedy:
        return lines
    return [
        *lines,
        *textwrap.wrap(finding.remedy, _WIDTH, initial_indent=f"{indent}-> ", subsequent_indent=f"{indent}   "),
    ]


def _draw(found: Diagnosis, options: DoctorOptions) -> None:
    if found.kind != "dataset":
        raise ConfigError(f"a {found.kind} has no pictures", where="--contact_sheet")
    from understudy.data.lerobot import load_dataset
    from understudy.diagnose.contact_sheet import write_contact_sheet

    assert options.target is not None and options.contact_sheet is not None
    dataset = load_dataset(options.target)
    if not dataset.spec.cameras:
        raise ConfigError("the dataset has no cameras", where="--contact_sheet")
    write_contact_sheet(dataset, found.findings, options.contact_sheet)
    log.say(f"\npictures in {options.contact_sheet}")
