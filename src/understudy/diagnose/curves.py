"""What a noisy curve does: where it has become flat, whether it rises again, where it jumps. Pure numpy.

A logged loss is a mean over some batches, so neighbouring points differ by chance, and by more where the loss is large.
All questions are asked of its logarithm, in blocks of points whose means are compared with the spread between blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# points in a block, blocks in a part that is judged, and how much a flat part may still fall
_BLOCKS = 10
_FEWEST_POINTS = 40
_FLAT_FALL = 0.10
# standard errors from zero from which a trend is one
_SURE = 3.0


@dataclass(frozen=True)
class Trend:
    """A straight line through the logarithm of a part of a curve.

    change   relative change from the begin of the part to its end: -0.1 has fallen by a tenth
    sure     whether it is further from zero than chance explains
    """

    change: float
    sure: bool


@dataclass(frozen=True)
class Flat:
    """The end of a curve that is flat.

    step    where that part begins
    level   the median in it
    fall    relative fall from its begin to its end
    """

    step: float
    level: float
    fall: float

    def share(self, steps: np.ndarray) -> float:
        """The part of the run that is flat, 0..1."""
        return float((steps[-1] - self.step) / steps[-1]) if len(steps) and steps[-1] > 0 else 0.0


def trend(values: np.ndarray) -> Trend | None:
    """The trend of a positive series; None where there are too few points to tell."""
    good = values[np.isfinite(values) & (values > 0)]
    if len(good) < 2 * _BLOCKS:
        return None
    means = np.array([np.log(block).mean() for block in np.array_split(good, _BLOCKS)])
    x = np.arange(_BLOCKS) - (_BLOCKS - 1) / 2
    slope = float((x @ means) / (x @ x))
    residual = means - means.mean() - slope * x
    error = float(np.sqrt((residual @ residual) / (_BLOCKS - 2) / (x @ x)))
    return Trend(float(np.expm1(slope * _BLOCKS)), abs(slope) > _SURE * max(error, 1e-12))


def flat_from(steps: np.ndarray, values: np.ndarray) -> Flat | None:
    """The longest end of the curve that falls (or rises) by no more than a tenth; None where there is none.

    Ends of 1/2, 2/5, 3/10, 1/4 and 1/5 of the run are tried in turn.
    """
    if len(values) < _FEWEST_POINTS or steps[-1] <= 0:
        return None
    for share in (0.5, 0.4, 0.3, 0.25, 0.2):
        part = steps >= steps[-1] * (1 - share)
        found = trend(values[part])
        if found is not None and abs(found.change) <= _FLAT_FALL:
            return Flat(float(steps[part][0]), float(np.median(values[part])), -found.change)
    return None


def spikes(values: np.ndarray, *, times: float = 5.0, window: int = 21) -> np.ndarray:
    """Indices of points that exceed the median of the points around them `times` over."""
    if len(values) < window:
        return np.array([], dtype=np.int64)
    half = window // 2
    padded = np.pad(values, half, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, window), axis=1)
    found: np.ndarray = np.flatnonzero(values > times * np.maximum(around, 1e-12))
    return found
