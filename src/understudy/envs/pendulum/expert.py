"""The pendulum's demonstrator: two PID controllers in cascade, for any number of pendulums at once.

The outer one wants the cart at rest and asks for an angle of at most 15 degrees; the inner one brings the pole there:

    e = target - value;  I += e dt;  d = (e - e_prev) / dt;  out = Kp e + Ki I + Kd d
    angle  = clip(PID(cart velocity -> 0), -pi/12, pi/12) + LEAN
    action = clip(PID(pole angle -> angle), -3, 3)

The recipe is that of the study github.com/ruiming-wu/FAST_Flow_Matching, slips included, because published results rest
on it: `dt` is 0.02 where a control step is 0.04 s (the gains are tuned to it; with 0.04 half the episodes fall), each
output is rounded to float32, and the first derivative sees a previous error of 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.core.rng import Rng

from .physics import ACTION_LIMIT

if TYPE_CHECKING:
    from .environment import Pendulum

DT = 0.02
MAX_ANGLE = np.pi / 12
LEAN_CORRECTION = np.float32(0.00166666)
# Kp, Ki, Kd of the pole's angle, then of the cart's velocity
GAINS = np.array([-3.0, -0.01, -0.15, 0.08, 0.05, 0.001])


class CascadedPid:
    """The controllers of n pendulums, which have to be asked once in every control step."""

    def __init__(self, gains: np.ndarray) -> None:
        """`gains` is (n, 6), one row of GAINS for each pendulum."""
        self._angle, self._velocity = _Pid(gains[:, :3]), _Pid(gains[:, 3:])

    def act(self, states: np.ndarray) -> np.ndarray:
        """(n,) float32 actions in -3..3 for (n, 4) float64 states."""
        wanted = np.clip(self._velocity.act(np.float32(0), states[:, 2]), -MAX_ANGLE, MAX_ANGLE).astype(np.float32)
        push = self._angle.act(wanted - LEAN_CORRECTION, states[:, 1])
        action: np.ndarray = np.clip(push, -ACTION_LIMIT, ACTION_LIMIT).astype(np.float32)
        return action


class _Pid:
    def __init__(self, gains: np.ndarray) -> None:
        self._gains = gains
        self._sum: np.ndarray = np.zeros(len(gains))
        self._last: np.ndarray = np.zeros(len(gains))

    def act(self, target: np.ndarray | np.float32, value: np.ndarray) -> np.ndarray:
        p, i, d = self._gains.T
        error: np.ndarray = target - value
        self._sum += error * DT
        slope = (error - self._last) / DT
        self._last = error
        out: np.ndarray = (p * error + i * self._sum + d * slope).astype(np.float32)
        return out


def draw_gains(rng: Rng, spread: float) -> np.ndarray:
    """(6,) GAINS, each times its own factor uniform in 1 - spread .. 1 + spread."""
    return GAINS * rng.numpy("pendulum gains").uniform(1 - spread, 1 + spread, len(GAINS))


class PendulumExpert:
    """The cascade bound to one environment.

    gain_spread   each gain is multiplied by its own factor in 1 - spread .. 1 + spread, drawn anew for each episode;
                  the study recorded its data with 0.1
    """

    def __init__(self, env: Pendulum, gain_spread: float = 0.0) -> None:
        self._env, self._spread = env, gain_spread
        self._pid = CascadedPid(GAINS[None])

    def reset(self, rng: Rng) -> None:
        """Forget the last episode's errors, and draw the gains of this one."""
        self._pid = CascadedPid(draw_gains(rng, self._spread)[None])

    def act(self) -> np.ndarray:
        """(1,) float64 in -3..3."""
        return self._pid.act(self._env.state[None]).astype(np.float64)
