"""An episode whose pictures look unlike those of all others: the camera was moved, swapped, or the light changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed

_FEWEST = 5
_LEVELS, _TIMES = 12.0, 4.0  # mean difference from the typical picture, and how many times the usual one that has to be


def check(data: DatasetView) -> Iterator[Finding]:
    for camera in data.cameras:
        seen = data.seen(camera)
        if len(seen) < _FEWEST or len({pictures.small.shape[1:] for _, pictures in seen}) > 1:
            continue
        # the median over time removes the arm; what is left is the room as this camera sees it
        rooms = np.stack([np.median(pictures.small, axis=0) for _, pictures in seen])
        distance = np.abs(rooms - np.median(rooms, axis=0)).mean(axis=(1, 2, 3))
        usual = float(np.median(distance))
        odd = np.flatnonzero((distance > _LEVELS) & (distance > _TIMES * max(usual, 1.0)))
        if not len(odd) or len(odd) > len(seen) // 3:
            continue
        found = [seen[i][0].index for i in odd]
        yield Finding(
            "warning",
            f"camera {camera} sees another room in {listed(found)}: {distance[odd].max():.0f} levels from the typical "
            f"picture, where episodes usually differ by {usual:.0f}",
            "look at these episodes; if the camera was moved or another one was plugged in, leave them out "
            "(--dataset.exclude_episodes)",
            {"camera": camera, "levels": [round(float(x), 1) for x in distance[odd]], "usual": round(usual, 1)},
            tuple(found),
        )


RULE = Rule(
    "camera_differs",
    Looks.DATASET,
    check,
    source="strands-labs/robots thread 517: cameras taken by position, wrong view",
)
