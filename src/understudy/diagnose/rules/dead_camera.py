"""A camera that shows nothing: black, white, or the same picture while the robot moves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView, EpisodeView, Pictures
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed, of_all

_BLACK, _WHITE = 8, 247  # levels of 0..255
_WASHED_OUT = 0.5  # of the pixels at the end of the scale
_STILL_LEVELS = 0.3  # mean difference of small pictures; sensor noise alone is above it in raw video
_MOVES = 0.05  # of a joint's range in the dataset


def check(data: DatasetView) -> Iterator[Finding]:
    for camera in data.cameras:
        black, white, frozen = [], [], []
        for episode, seen in data.seen(camera):
            if np.median(seen.small) <= _BLACK and np.percentile(seen.small, 95) <= 2 * _BLACK:
                black.append(episode.index)
            elif np.mean(seen.small.min(axis=-1) >= _WHITE) > _WASHED_OUT:
                white.append(episode.index)
            elif _is_still(seen) and _moves(data, episode):
                frozen.append(episode.index)
        looked = len(data.seen(camera))
        for what, found in (("is black", black), ("is over-exposed", white), ("shows one still picture", frozen)):
            if found:
                yield Finding(
                    "error",
                    f"camera {camera} {what} in {of_all(found, looked)}: {listed(found)}",
                    "leave these episodes out (--dataset.exclude_episodes), or the camera if it is always so; "
                    "check its cable, exposure and lens cap before recording more",
                    {"camera": camera, "what": what, "episodes_looked_at": looked},
                    tuple(found),
                )


def _is_still(seen: Pictures) -> bool:
    if len(seen.small) < 3:
        return False
    return float(np.abs(seen.small.astype(float) - seen.small[0]).mean(axis=(1, 2, 3)).max()) < _STILL_LEVELS


def _moves(data: DatasetView, episode: EpisodeView) -> bool:
    joints = episode.state if episode.state is not None else episode.action
    if joints is None:
        return False
    every = [e.state if episode.state is not None else e.action for e in data.episodes]
    together = np.concatenate([part for part in every if part is not None])
    return bool(((np.ptp(joints, axis=0)) > _MOVES * np.maximum(np.ptp(together, axis=0), 1e-9)).any())


RULE = Rule(
    "dead_camera", Looks.DATASET, check, source="huggingface/lerobot thread 1442; recordings with a covered camera"
)
