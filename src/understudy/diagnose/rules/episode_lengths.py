"""Episodes that are far shorter or longer than the others: aborted, or never stopped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed

_FEWEST, _TIMES = 5, 3.0


def check(data: DatasetView) -> Iterator[Finding]:
    if len(data.episodes) < _FEWEST:
        return
    lengths = np.array([e.length for e in data.episodes])
    usual = float(np.median(lengths))
    for what, odd in (("short", lengths * _TIMES < usual), ("long", lengths > _TIMES * usual)):
        found = [data.episodes[i].index for i in np.flatnonzero(odd)]
        if not found:
            continue
        extreme = lengths[odd].min() if what == "short" else lengths[odd].max()
        yield Finding(
            "warning",
            f"{listed(found)} {'is' if len(found) == 1 else 'are'} very {what}: "
            f"{'down' if what == 'short' else 'up'} to {extreme} frames, where {usual:.0f} are usual",
            "look whether they were aborted or forgotten; leave them out (--dataset.exclude_episodes)",
            {"usual": usual, "extreme": int(extreme)},
            tuple(found),
        )


RULE = Rule("episode_lengths", Looks.DATASET, check, source="recordings in which a failed attempt was kept")
