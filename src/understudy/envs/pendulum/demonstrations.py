"""The expert's episodes, many at once: bit for bit what recording them one by one gives, in a hundredth of the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.core.rng import Rng

from .batch import run_batch
from .environment import noise_of
from .expert import CascadedPid, draw_gains
from .physics import ACTION_LIMIT


@dataclass(frozen=True)
class Demonstrations:
    """n episodes of at most `horizon` steps; what lies behind an episode's `steps` means nothing.

    states    (n, horizon, 4) float32, before each step
    actions   (n, horizon, 1) float32, what the expert wanted
    applied   (n, horizon, 1) float32, what was executed
    steps     (n,) control steps taken, the one that fell included
    success   (n,) bool: the pole stood to the end
    """

    states: np.ndarray
    actions: np.ndarray
    applied: np.ndarray
    steps: np.ndarray
    success: np.ndarray


def demonstrate(seeds: Sequence[int], *, noise: float, gain_spread: float, horizon: int) -> Demonstrations:
    """The expert in the episodes of `seeds`, its gains drawn for each as PendulumExpert does.

    noise   half-width of the uniform noise on executed actions
    """
    pid = CascadedPid(np.array([draw_gains(Rng(seed), gain_spread) for seed in seeds]))
    asked = np.zeros((len(seeds), horizon), np.float32)
    step = 0

    def act(states: np.ndarray) -> np.ndarray:
        nonlocal step
        asked[:, step] = pid.act(states)
        step += 1
        return asked[:, step - 1 : step]

    result = run_batch(act, seeds=seeds, noise=noise, horizon=horizon)
    draws = np.array([noise_of(seed).uniform(-noise, noise, horizon) for seed in seeds])
    applied = np.clip(asked.astype(np.float64) + draws, -ACTION_LIMIT, ACTION_LIMIT)
    return Demonstrations(
        states=result.states[:, :-1].astype(np.float32),
        actions=asked[..., None],
        applied=applied.astype(np.float32)[..., None],
        steps=result.steps,
        success=result.success,
    )
