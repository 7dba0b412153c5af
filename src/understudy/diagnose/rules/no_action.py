"""Nothing to learn: no actions, or no frames."""

from __future__ import annotations

from collections.abc import Iterator

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule


def check(data: DatasetView) -> Iterator[Finding]:
    if not data.with_action():
        yield Finding(
            "error",
            "the dataset has no column `action`, so there is nothing to imitate",
            "record with a teleoperator, or name the column that holds the actions: --rename_map",
            {"episodes": len(data.episodes)},
        )


RULE = Rule(
    "no_action", Looks.DATASET, check, source="datasets of observations alone, such as those made for video models"
)
