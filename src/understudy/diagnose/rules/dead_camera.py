"""A camera that shows nothing: black, white, or a still picture while the robot moves, always or for a while."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView, EpisodeView, Pictures
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed, of_all

_BLACK, _WHITE = 8, 247  # levels of 0..255
_WASHED_OUT = 0.5  # of the pixels at the end of the scale
# mean and largest difference of small pictures in levels; sensor noise alone is above it in raw video
_STILL_LEVELS, _STILL_PIXEL = 0.3, 4
_MOVES = 0.2  # of a joint's range in the dataset, while the picture stands still
_LONG_S = 0.5


def check(data: DatasetView) -> Iterator[Finding]:
    spans = _spans(data)
    for camera in data.cameras:
        black, white, frozen = [], [], []
        frames: list[tuple[int, int, int]] = []
        for episode, seen in data.seen(camera):
            if np.median(seen.small) <= _BLACK and np.percentile(seen.small, 95) <= 2 * _BLACK:
                black.append(episode.index)
            elif np.mean(seen.small.min(axis=-1) >= _WHITE) > _WASHED_OUT:
                white.append(episode.index)
            elif still := _still(episode, seen, spans, data.fps):
                frozen.append(episode.index)
                frames += [(episode.index, first, last) for first, last in still]
        looked = len(data.seen(camera))
        for what, found in (("is black", black), ("is over-exposed", white), ("shows a still picture", frozen)):
            if found:
                yield Finding(
                    "error",
                    f"camera {camera} {what}{' while the robot moves' if found is frozen else ''} in "
                    f"{of_all(found, looked)}: {listed(found)}",
                    "leave these episodes out (--dataset.exclude_episodes), or the camera if it is always so; "
                    "check its cable, exposure and lens cap before recording more",
                    {"camera": camera, "what": what, "episodes_looked_at": looked},
                    tuple(found),
                    tuple(frames[:50]) if found is frozen else (),
                )


def _spans(data: DatasetView) -> np.ndarray | None:
    """The range of each joint over the dataset."""
    every = [joints for episode in data.episodes if (joints := _joints(episode)) is not None]
    return np.maximum(np.ptp(np.concatenate(every), axis=0), 1e-9) if every else None


def _joints(episode: EpisodeView) -> np.ndarray | None:
    return episode.state if episode.state is not None else episode.action


def _still(episode: EpisodeView, seen: Pictures, spans: np.ndarray | None, fps: float) -> list[tuple[int, int]]:
    """(first, last) frame of each long stretch, or of the whole, in which joints move and the picture does not."""
    joints = _joints(episode)
    if joints is None or spans is None:
        return []
    stretches, begin = [], 0
    for k in range(1, len(seen.frames) + 1):
        if k < len(seen.frames) and _same(seen.small[begin], seen.small[k]):
            continue
        first, last = int(seen.frames[begin]), int(seen.frames[k - 1])
        moved = (np.ptp(joints[first : last + 1], axis=0) / spans).max()
        long = last - first >= _LONG_S * fps or (begin == 0 and k == len(seen.frames) > 2)
        if long and moved > _MOVES:
            stretches.append((first, last))
        begin = k
    return stretches


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    apart = np.abs(a.astype(int) - b)
    return bool(apart.mean() < _STILL_LEVELS and apart.max() <= _STILL_PIXEL)


RULE = Rule(
    "dead_camera", Looks.DATASET, check, source="huggingface/lerobot thread 1442; recordings with a covered camera"
)
