"""Disturbance: what happens to an action on its way to the motors, so that demonstrations show how to come back.

The clean action is recorded and the disturbed one executed: the policy learns the answer to states that a perfect
demonstrator never visits (Laskey et al. 2017, "DART: Noise Injection for Robust Imitation Learning").

noise    normal, per joint; with a correlation time it is a first-order autoregression with the same deviation, which an
         arm follows farther than noise that changes its mind at every step
pushes   begin at random, hold a random offset for a while, then let go

All in shares of each joint's range (upper minus lower limit of the action), so one number serves joints of any unit.
"""

from __future__ import annotations

import math

import numpy as np

from understudy.core.rng import Rng

from .config import RecordConfig


class Disturbance:
    """Call it with the (A,) clean action of each step, in order; it gives the one to execute, within the limits."""

    def __init__(self, config: RecordConfig, seed: int, fps: int, low: np.ndarray, high: np.ndarray) -> None:
        """`seed`: of the episode; `low`, `high` (A,): limits of the action."""
        self.config, self.low, self.high = config, low, high
        self._random = Rng(seed).numpy("disturbance")
        kept = config.noise_correlation_s
        self._kept = math.exp(-1 / (fps * kept)) if kept > 0 else 0.0
        self._noise = self._random.standard_normal(len(low))
        self._push = np.zeros(len(low))
        self._push_steps, self._left = max(1, round(config.push_s * fps)), 0
        self._push_chance = config.pushes_per_s / fps

    def __call__(self, clean: np.ndarray) -> np.ndarray:
        offset = self.config.noise * self._next_noise() + self._next_push()
        executed: np.ndarray = np.clip(clean + offset * (self.high - self.low), self.low, self.high)
        return executed

    def _next_noise(self) -> np.ndarray:
        now = self._noise
        fresh = math.sqrt(1 - self._kept**2) * self._random.standard_normal(len(self.low))
        self._noise = self._kept * self._noise + fresh
        return now

    def _next_push(self) -> np.ndarray:
        begins, direction = self._random.random(), self._random.uniform(-1, 1, len(self.low))
        if self._left == 0:
            self._push = np.zeros(len(self.low))
            if begins < self._push_chance:
                self._left, self._push = self._push_steps, self.config.push_size * direction
        self._left = max(0, self._left - 1)
        return self._push


def disturbance_of(config: RecordConfig, seed: int, fps: int, low: np.ndarray, high: np.ndarray) -> Disturbance | None:
    """The disturbance of an episode, None when nothing is to be disturbed."""
    return Disturbance(config, seed, fps, low, high) if config.disturbs else None
