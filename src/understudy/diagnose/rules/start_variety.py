"""All episodes begin in the same pose with the same picture: the policy will know only that one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule

_FEWEST = 5
_POSE = 0.01  # spread of first states, as a part of the spread of all states
_PICTURE = 1.5  # levels by which first pictures differ from their mean


def check(data: DatasetView) -> Iterator[Finding]:
    states = data.with_state()
    if len(states) < _FEWEST:
        return
    together = np.concatenate([np.asarray(e.state) for e in states]).std(axis=0)
    first = np.stack([np.asarray(e.state)[0] for e in states]).std(axis=0)
    moving = together > 0
    pose = float(np.median(first[moving] / together[moving])) if moving.any() else 0.0
    pictures = {camera: _difference(data, camera) for camera in data.cameras}
    same = [camera for camera, levels in pictures.items() if levels is not None and levels < _PICTURE]
    if pose < _POSE and (not data.cameras or len(same) == len(data.cameras)):
        yield Finding(
            "warning",
            f"all {len(states)} episodes start in the same pose (spread {pose:.1%} of that of all frames)"
            + (" and with the same pictures" if data.cameras else ""),
            "vary where the arm starts and where objects lie while recording, by as much as it will vary in use",
            {"pose_spread": round(pose, 4), "picture_levels": {c: v and round(v, 2) for c, v in pictures.items()}},
        )


def _difference(data: DatasetView, camera: str) -> float | None:
    """Mean difference of first pictures from their mean, in levels: objects that lie elsewhere are part of it."""
    first = [pictures.small[0] for _, pictures in data.seen(camera) if pictures.frames[0] == 0]
    if len(first) < _FEWEST or len({picture.shape for picture in first}) > 1:
        return None
    stack = np.stack(first).astype(np.float64)
    return float(np.abs(stack - stack.mean(axis=0)).mean())


RULE = Rule(
    "start_variety",
    Looks.DATASET,
    check,
    source="policies that work from one start only: huggingface/lerobot 1316, 2259",
)
