"""Tasks that say nothing: empty, a placeholder, or several in one episode."""

from __future__ import annotations

from collections.abc import Iterator

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed, of_all

_PLACEHOLDERS = {"", "task", "test", "default", "none", "null", "todo", "valid", "dummy", "no task", "unknown"}


def check(data: DatasetView) -> Iterator[Finding]:
    empty = [e.index for e in data.episodes if any(t.strip().lower() in _PLACEHOLDERS for t in e.tasks) or not e.tasks]
    if empty:
        texts = sorted({t for e in data.episodes for t in e.tasks if t.strip().lower() in _PLACEHOLDERS}) or ["none"]
        yield Finding(
            "warning",
            f"the task of {of_all(empty, len(data.episodes))} says nothing ({', '.join(map(repr, texts[:3]))}): "
            f"{listed(empty)}",
            "a policy that reads language learns nothing from it; ACT does not look. Write a sentence: "
            '"put the banana on the plate"',
            {"texts": texts[:10]},
            tuple(empty),
        )
    several = [e.index for e in data.episodes if len(e.tasks) > 1]
    if several:
        yield Finding(
            "note",
            f"the task changes within {of_all(several, len(data.episodes))}: {listed(several)}",
            "fine where it is meant; each frame is trained with its own",
            {"episodes": len(several)},
            tuple(several),
        )


RULE = Rule(
    "task_names", Looks.DATASET, check, source="a GR1 set whose task 1 is the word `valid`, a label gone astray"
)
