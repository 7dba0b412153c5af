"""Which rows: those of some episodes, and an even sample of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .lerobot import Dataset


def rows_of_episodes(dataset: Dataset, indices: Collection[int], *, skip: int = 0) -> np.ndarray:
    """Rows of the loaded dataset that belong to the episodes with these indices, in the dataset's order: (n,) int64.

    skip    frames left out at the start of each episode
    """
    wanted = set(indices)
    spans = [np.arange(e.start + skip, e.start + e.length) for e in dataset.episodes if e.index in wanted]
    return np.concatenate(spans) if spans else np.empty(0, dtype=np.int64)


def evenly_spaced(rows: np.ndarray, most: int | None) -> np.ndarray:
    """At most `most` of `rows`, evenly spaced, the first and the last among them; None: all."""
    if most is None or len(rows) <= most:
        return rows
    kept: np.ndarray = rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
    return kept
