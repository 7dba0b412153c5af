"""All episodes begin alike: in the same pose with the same picture, or with the objects in the same places.

How it is estimated. Pose: the spread of first states beside that of all states. Pictures: the part of the pixels of a
camera's first pictures that differ between episodes. Objects: of two first pictures, only those pixels that show
neither the arm nor anything it has moved, which are those that stay as they are for the first quarter of both episodes;
among them, the part that differs between the two, as the median over all pairs of episodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule

_FEWEST, _MOST = 5, 30
_POSE = 0.01  # spread of first states, as a part of the spread of all states
_SPREAD, _SHARE = 6.0, 0.005  # levels by which a pixel has to vary, and the part of the pixels that does
_WAIT_S, _STILL = 0.5, 8  # a pixel that changes by more than so many levels from then on shows something that moves
_MOVED, _MOVED_SHARE = 20, 0.001  # an object of 1 in 1,000 pixels that lies elsewhere
_LEFT = 0.3  # of the pixels have to show neither arm nor anything moved, or the camera itself moves


def check(data: DatasetView) -> Iterator[Finding]:
    states = data.with_state()
    if len(states) < _FEWEST:
        return
    pose = _pose_spread([np.asarray(e.state) for e in states])
    varied = {c: share for c in data.cameras if (share := _varied(data, c)) is not None}
    if pose < _POSE and all(share < _SHARE for share in varied.values()) and len(varied) == len(data.cameras):
        yield Finding(
            "warning",
            f"all {len(states)} episodes start in the same pose (spread {pose:.1%} of that of all frames)"
            + (" and with the same pictures" if data.cameras else ""),
            "vary where the arm starts and where objects lie while recording, by as much as it will vary in use",
            {"pose_spread": round(pose, 4), "pixels_that_vary": {c: round(v, 4) for c, v in varied.items()}},
        )
        return
    objects = {camera: share for camera in data.cameras if (share := _moved(data, camera)) is not None}
    if objects and max(objects.values()) < _MOVED_SHARE:
        yield Finding(
            "warning",
            f"objects lie in the same places at the start of every episode: {max(objects.values()):.2%} of what "
            f"{' and '.join(objects)} see{'s' if len(objects) == 1 else ''} of them differs between episodes",
            "lay them elsewhere for each episode, over all of the places where they will lie in use",
            {"pixels_that_differ": {c: round(v, 5) for c, v in objects.items()}, "pose_spread": round(pose, 4)},
        )


def _pose_spread(states: list[np.ndarray]) -> float:
    everything = np.concatenate(states).std(axis=0)
    first = np.stack([state[0] for state in states]).std(axis=0)
    moving = everything > 0
    return float(np.median(first[moving] / everything[moving])) if moving.any() else 0.0


def _varied(data: DatasetView, camera: str) -> float | None:
    """Part of the pixels of a camera's first pictures that differ between episodes; None where there are too few."""
    first = [pictures.small[0] for _, pictures in data.seen(camera) if pictures.frames[0] == 0]
    if len(first) < _FEWEST or len({picture.shape for picture in first}) > 1:
        return None
    return float((np.stack(first).std(axis=0, dtype=np.float64).max(axis=-1) > _SPREAD).mean())


def _moved(data: DatasetView, camera: str) -> float | None:
    """Part of the pixels of things at rest that differ between two episodes; None where that cannot be told."""
    firsts, at_rest = [], []
    for episode, seen in data.seen(camera):
        later = np.flatnonzero(seen.frames >= max(_WAIT_S * data.fps, episode.length / 4))
        if seen.frames[0] != 0 or not len(later):
            continue
        first, after = seen.small[0].astype(int), seen.small[later[0]].astype(int)
        firsts.append(first)
        at_rest.append(np.abs(first - after).max(axis=-1) <= _STILL)
    if len(firsts) < _FEWEST or len({picture.shape for picture in firsts}) > 1:
        return None
    shares = []
    for i, j in combinations(range(min(len(firsts), _MOST)), 2):
        both = at_rest[i] & at_rest[j]
        if both.mean() >= _LEFT:
            shares.append(float((np.abs(firsts[i] - firsts[j]).max(axis=-1) > _MOVED)[both].mean()))
    return float(np.median(shares)) if len(shares) >= _FEWEST else None


RULE = Rule(
    "start_variety",
    Looks.DATASET,
    check,
    source="policies that work from one start only: huggingface/lerobot 1316, 2259",
)
