"""What would have been executed on a recorded episode, from chunks that were predicted once at every frame.

Choosing the first frame's prediction, or that of twenty frames before, or an average of all, is a gather: so many ways
of executing a policy cost one pass of the network. Each answers as policies/horizon.py's Controller would on a robot
that saw exactly the recorded observations.
"""

from __future__ import annotations

import numpy as np


def open_loop(chunks: np.ndarray, executed: int) -> np.ndarray:
    """(T, A): a new chunk every `executed` frames, its actions one after the other; `chunks` (T, S, A)."""
    frames = np.arange(len(chunks))
    ahead = frames % executed
    executed_there: np.ndarray = chunks[frames - ahead, ahead]
    return executed_there


def ensembled(chunks: np.ndarray, coefficient: float) -> np.ndarray:
    """(T, A): the weighted mean of everything predicted for a frame (Algorithm 2 of the ACT paper); `chunks` (T, S, A).

    Of the predictions for one frame the i-th oldest weighs exp(-coefficient * i).
    """
    count, steps, _ = chunks.shape
    total = np.zeros(chunks[:, 0].shape)
    weights = np.zeros(count)
    oldest = np.minimum(np.arange(count), steps - 1)  # how far ahead the oldest prediction for each frame looked
    for ahead in range(min(steps, count)):
        weight = np.exp(-coefficient * (oldest[ahead:] - ahead))
        total[ahead:] += weight[:, None] * chunks[: count - ahead, ahead]
        weights[ahead:] += weight
    mean: np.ndarray = (total / weights[:, None]).astype(chunks.dtype)
    return mean
