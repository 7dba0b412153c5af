"""Pictures that are ahead of the joints, or behind: movement in one happens when there is none in the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView, EpisodeView, Pictures
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed

_MOST_LAG_S = 1.0
_ALIKE, _BETTER = 0.5, 0.1
_LAG_S = 0.25
_FEWEST, _AGREE_S = 2, 0.2  # episodes, and how far their delays may be apart


def check(data: DatasetView) -> Iterator[Finding]:
    for camera in data.cameras:
        lags = {}
        for episode, seen in data.seen(camera):
            if seen.whole and episode.state is not None and episode.length >= 4 * data.fps:
                lag = _lag(data, episode, seen)
                if lag is not None:
                    lags[episode.index] = lag
        # a single episode may have movements that answer one another; most of them by one delay do not by chance
        middle = float(np.median(list(lags.values()))) if lags else 0.0
        off = {index: lag for index, lag in lags.items() if abs(lag - middle) <= _AGREE_S * data.fps}
        if abs(middle) <= _LAG_S * data.fps or len(off) < max(_FEWEST, len(lags) // 2 + 1):
            continue
        which = "behind" if middle > 0 else "ahead of"
        yield Finding(
            "warning",
            f"camera {camera} is {which} the joints by about {abs(middle) / data.fps:.2f} s in {listed(sorted(off))}, "
            "by when things move",
            "a constant delay can be learnt if it is the same on the robot; one that varies cannot. Check that "
            "pictures and joints are read in the same tick",
            {"camera": camera, "frames": {str(k): v for k, v in off.items()}},
            tuple(sorted(off)),
        )


def _lag(data: DatasetView, episode: EpisodeView, seen: Pictures) -> int | None:
    """Frames by which movement in the pictures follows that of the joints; None where the two are not alike."""
    spans = np.maximum(np.ptp(np.asarray(episode.state), axis=0), 1e-9)
    joints = (np.abs(np.diff(np.asarray(episode.state), axis=0)) / spans).sum(axis=1)
    pixels = np.abs(np.diff(seen.small.astype(np.float64), axis=0)).mean(axis=(1, 2, 3))
    n = min(len(joints), len(pixels))
    joints, pixels = _smooth(joints[:n]), _smooth(pixels[:n])
    most = int(_MOST_LAG_S * data.fps)
    alike = {
        lag: _correlation(joints[max(0, -lag) : n - max(0, lag)], pixels[max(0, lag) : n - max(0, -lag)])
        for lag in range(-most, most + 1)
    }
    best = max(alike, key=alike.__getitem__)
    if alike[best] < _ALIKE or alike[best] < alike[0] + _BETTER or abs(best) == most:
        return 0 if alike[0] >= _ALIKE else None
    return best


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(values, np.ones(5) / 5, mode="same")


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if len(a) < 10 or a.std() == 0 or b.std() == 0:
        return -1.0
    return float(np.corrcoef(a, b)[0, 1])


RULE = Rule(
    "picture_and_table", Looks.DATASET, check, source="huggingface/lerobot 2550: episodes that point to wrong videos"
)
