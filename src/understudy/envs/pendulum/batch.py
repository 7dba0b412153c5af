"""Many pendulum episodes at once: what `run_episode` finds out, bit for bit, at a hundredth of the time.

    result = run_batch(policy.chunks, seeds=range(1000), noise=0.05, replan=10)
    result.success.sum(), result.converged_at

Each episode's start and noise are a function of its own seed, so how they are grouped changes nothing, as long as the
policy's answer for a state does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.core.rng import Rng

from .course import Course
from .environment import HORIZON, draw_start, noise_of
from .expert import GAINS, CascadedPid
from .physics import ACTION_LIMIT, Physics

# (n, 4) float64 states -> (n, at least `replan`) actions of the next control steps
Predict = Callable[[np.ndarray], np.ndarray]
# is shown the (n, 4) states before each control step
Watch = Callable[[np.ndarray], object]


@dataclass(frozen=True)
class BatchResult:
    """How n episodes ended.

    steps, success, converged_at   (n,) as Course has them; success: the pole stood to the end
    states                         (n, horizon + 1, 4) float64, all states; NaN after a fall
    """

    steps: np.ndarray
    success: np.ndarray
    converged_at: np.ndarray
    states: np.ndarray


def run_batch(
    predict: Predict,
    *,
    seeds: Sequence[int],
    noise: float,
    replan: int = 1,
    horizon: int = HORIZON,
    watch: Watch | None = None,
    kick: float = 0.0,
) -> BatchResult:
    """Run the episodes of `seeds` side by side.

    predict   is asked at steps 0, replan, 2 replan, ... for all episodes; the rows of fallen ones repeat their last
              state and their answers are not used
    noise     half-width of the uniform noise on executed actions
    watch     is shown all states before each step, after `predict` was asked where it is due
    kick      rad/s that the pole's angular velocity changes by before the step in the middle of the horizon, forwards
              or backwards as the seed says: a disturbance that no recording of the expert holds

    Raises ValueError when `predict` answers with fewer than `replan` actions or another number of rows.
    """
    n = len(seeds)
    physics, course = Physics(), Course(n)
    now = np.array([draw_start(seed) for seed in seeds]).reshape(n, 4)
    draws = np.array([noise_of(seed).uniform(-noise, noise, horizon) for seed in seeds]).reshape(n, horizon)
    states = np.full((n, horizon + 1, 4), np.nan)
    states[:, 0] = now
    chunk = np.zeros((n, 0))
    for step in range(horizon):
        standing = np.flatnonzero(~course.fallen)
        if not len(standing):
            break
        if kick and step == horizon // 2:
            now[:, 3] += kick * kick_signs(seeds)
        if step % replan == 0:
            chunk = np.asarray(predict(now))
            if chunk.ndim != 2 or len(chunk) != n or chunk.shape[1] < replan:
                raise ValueError(f"predict answered with shape {chunk.shape}, needed is ({n}, {replan} or more)")
        if watch is not None:
            watch(now)
        asked = np.clip(chunk[standing, step % replan].astype(np.float64), -ACTION_LIMIT, ACTION_LIMIT)
        after = physics.step(now[standing], asked + draws[standing, step])
        now[standing] = after
        states[standing, step + 1] = after
        course.add(after, standing)
    return BatchResult(course.steps, ~course.fallen, course.converged_at, states)


def kick_signs(seeds: Sequence[int]) -> np.ndarray:
    """(n,) of -1 and 1: which way the pole of each episode is kicked."""
    return np.array([Rng(seed).numpy("pendulum kick").choice([-1.0, 1.0]) for seed in seeds])


def run_expert_batch(seeds: Sequence[int], *, noise: float, horizon: int = HORIZON, kick: float = 0.0) -> BatchResult:
    """The expert with its base gains on the episodes of `seeds`."""
    pid = CascadedPid(np.tile(GAINS, (len(seeds), 1)))
    return run_batch(lambda states: pid.act(states)[:, None], seeds=seeds, noise=noise, horizon=horizon, kick=kick)
