"""Successive pictures that are equal to the last pixel: the camera delivered fewer frames than were recorded.

In a video a key frame is coded anew and never equals its neighbour, so of LeRobot's videos, in which every second frame
is one, at most half of the repetitions are seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView, EpisodeView
from ..finding import Finding
from ..rule import Looks, Rule

_SHARE = 0.15


def check(data: DatasetView) -> Iterator[Finding]:
    # an encoder makes two pictures of little movement equal, too, so only the faster half of the movement is looked at
    every = [moved for episode in data.episodes if len(moved := _movement(episode))]
    fast = float(np.median(np.concatenate(every))) if every else 0.0
    for camera in data.cameras:
        doubled, pairs, found = 0, 0, []
        for episode, seen in data.seen(camera):
            follows = (np.diff(seen.frames) == 1) & (_movement(episode)[seen.frames[:-1]] >= fast)
            same = seen.same[1:][follows]
            doubled, pairs = doubled + int(same.sum()), pairs + len(same)
            if len(same) and same.mean() > _SHARE:
                found.append(episode.index)
        if pairs < 8 or doubled < _SHARE * pairs:
            continue
        yield Finding(
            "warning",
            f"camera {camera} repeats itself: {doubled} of {pairs} pairs of successive frames are the same "
            "picture while the robot moves",
            f"the camera is slower than the {data.fps:g} frames a second of the recording: record at its own rate, or "
            "mend the cable, hub or light (long exposure) that slows it down",
            {"camera": camera, "same": doubled, "pairs": pairs},
            tuple(found),
        )


def _movement(episode: EpisodeView) -> np.ndarray:
    """(n,) how far the joints go until the next frame, as a part of their range in the episode; 0 in the last frame."""
    if episode.state is None:
        return np.zeros(episode.length)
    span = np.maximum(np.ptp(episode.state, axis=0), 1e-9)
    steps: np.ndarray = np.append((np.abs(np.diff(episode.state, axis=0)) / span).sum(axis=1), 0.0)
    return steps


RULE = Rule(
    "frames_doubled", Looks.DATASET, check, source="recorders that store the newest picture there is at each tick"
)
