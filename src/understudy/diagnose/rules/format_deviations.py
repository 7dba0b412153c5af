"""Where the files deviate from LeRobot's format; read all the same."""

from __future__ import annotations

from collections.abc import Iterator

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule


def check(data: DatasetView) -> Iterator[Finding]:
    # what time stamps say has a rule of its own, with more to tell
    for line in data.deviations:
        if line.startswith("time stamps leave"):
            continue
        yield Finding(
            "note",
            f"a deviation from LeRobot's format: {line}",
            "read by Understudy as it is; `understudy data convert` writes a clean v3.0 copy for other programs",
            {"deviation": line},
        )


RULE = Rule("format_deviations", Looks.DATASET, check, source="the LeRobot formats v2.0, v2.1 and v3.0")
