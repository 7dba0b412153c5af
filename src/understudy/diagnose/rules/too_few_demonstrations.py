"""Fewer episodes than anyone has made such a policy work with."""

from __future__ import annotations

from collections.abc import Iterator

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule

_FEW = 20


def check(data: DatasetView) -> Iterator[Finding]:
    if not data.cameras or len(data.episodes) >= _FEW:
        return
    yield Finding(
        "note",
        f"{len(data.episodes)} episode{'s' if len(data.episodes) > 1 else ''}, {data.frames:,} frames: few for one "
        "that learns from pictures",
        "ACT's published tasks have 50 demonstrations each, fixed in place; record 30 to 50 before judging a policy",
        {"episodes": len(data.episodes), "frames": data.frames},
    )


RULE = Rule(
    "too_few_demonstrations",
    Looks.DATASET,
    check,
    source="Zhao et al. 2023: 50 demonstrations a task, 20 to 90 % success",
)
