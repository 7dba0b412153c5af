"""What bounds every policy that executes chunks: the expert itself, executed blind; and the other end, doing nothing.

Nobody who acts for `replan` steps without looking can meet the noise that comes in between. "PID ahead" knows all that
can be known before: the controllers with their sums and last errors as what really happened left them, and the physics
without its noise. It simulates both `replan` steps ahead and executes the actions that come out.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from understudy.core.rng import Rng

from .batch import BatchResult, run_batch
from .environment import HORIZON
from .expert import GAINS, CascadedPid
from .physics import Physics


def run_ahead_batch(
    seeds: Sequence[int],
    *,
    noise: float,
    replan: int,
    horizon: int = HORIZON,
    kick: float = 0.0,
    imagined_noise: float = 0.0,
) -> BatchResult:
    """The expert with its base gains on the episodes of `seeds`, `replan` of its actions executed blind each time.

    imagined_noise   half-width of a noise in the simulation ahead. With the recordings' own, the actions are what was
                     recorded: answers to disturbances, which will not happen this time. That is the ceiling of whoever
                     draws from the recordings faithfully instead of taking the middle of what they hold
    """
    pid, physics = CascadedPid(np.tile(GAINS, (len(seeds), 1))), Physics()
    draws = [Rng(seed).numpy("pendulum imagined noise") for seed in seeds] if imagined_noise else []

    def predict(states: np.ndarray) -> np.ndarray:
        imagined, now = copy.deepcopy(pid), states
        actions = np.zeros((len(states), replan), dtype=np.float32)
        pushes = np.array([draw.uniform(-imagined_noise, imagined_noise, replan) for draw in draws])
        for step in range(replan):
            actions[:, step] = imagined.act(now)
            pushed = actions[:, step] + pushes[:, step] if imagined_noise else actions[:, step]
            now = physics.step(now, pushed)
        return actions

    return run_batch(predict, seeds=seeds, noise=noise, replan=replan, horizon=horizon, watch=pid.act, kick=kick)


def run_idle_batch(
    seeds: Sequence[int], *, noise: float, replan: int, horizon: int = HORIZON, kick: float = 0.0
) -> BatchResult:
    """No push at all, but for the noise."""
    still = np.zeros((len(seeds), replan))
    return run_batch(lambda _: still, seeds=seeds, noise=noise, replan=replan, horizon=horizon, kick=kick)
