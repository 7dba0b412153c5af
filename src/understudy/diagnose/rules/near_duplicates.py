"""Two episodes with the same movement to the last detail: one of them was copied."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule

_POINTS = 32
_SAME = 1e-3  # of a joint's standard deviation
_MOST = 2000


def check(data: DatasetView) -> Iterator[Finding]:
    episodes = data.with_action()[:_MOST]
    if len(episodes) < 2:
        return
    spread = np.concatenate([np.asarray(e.action) for e in episodes]).std(axis=0)
    moving = spread > 0
    if not moving.any():
        return
    shapes = np.stack([_resampled(np.asarray(e.action)[:, moving] / spread[moving]).ravel() for e in episodes])
    # equal movements have equal sums, so only neighbours in their order need to be compared
    order = np.argsort(shapes.sum(axis=1))
    pairs = []
    for a, b in pairwise(order.tolist()):
        if episodes[a].length == episodes[b].length and np.abs(shapes[a] - shapes[b]).mean() < _SAME:
            pairs.append(tuple(sorted((episodes[a].index, episodes[b].index))))
    if not pairs:
        return
    named = ", ".join(f"{a} and {b}" for a, b in sorted(pairs)[:8])
    yield Finding(
        "warning",
        f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''} of episodes with the same actions: {named}",
        "remove one of each: a copy adds nothing, and one that is held out makes the held-out error too good",
        {"pairs": [list(pair) for pair in sorted(pairs)[:50]]},
        tuple(sorted({index for pair in pairs for index in pair})),
    )


def _resampled(values: np.ndarray) -> np.ndarray:
    rows = np.linspace(0, len(values) - 1, _POINTS).round().astype(int)
    result: np.ndarray = values[rows]
    return result


RULE = Rule("near_duplicates", Looks.DATASET, check, source="merged datasets that hold the same recordings twice")
