"""How the experts move: each command is a function of the present state, so that it can be learnt from pictures.

No trajectory is planned and no clock runs. The hand is drawn along a funnel that ends in its goal: far away it keeps a
hand's breadth above the table, near the goal it comes down. It aims at the point of the funnel one step further, gains
speed at a steady rate and loses it so as to arrive slowly. Whatever disturbs it, the next command answers.
"""

from __future__ import annotations

import math

import numpy as np

from .kinematics import Place
from .model import CUBE, FPS, PARALLEL
from .world import World

OPEN = 0.65  # rad: the jaw lets a cube pass with a centimetre on either side
CLOSED = PARALLEL  # rad: the jaws are as far apart as a cube is wide
_SQUEEZE = 0.10  # rad: how much further than it can close the jaw is told to
_JAW_STEP = 0.16  # rad a control step
_YAW_STEP = 0.10
# m/s: how far ahead of the hand a command is, times 30. Slowest: what noise that keeps its direction cannot hold up
_FASTEST, _SLOWEST = 0.21, 0.14
_GAIN, _BRAKE = 4.5, 2.0  # m/s^2: what is gained, far from the goal, and lost towards it
_NEAR = 0.02  # m
# the funnel: height above the goal at distance d is HIGH (1 - exp(-(d - CLOSE) / WIDE)); m
_HIGH, _WIDE, _CLOSE = 0.060, 0.022, 0.002
_UPWARDS = 0.05  # m above the table: a hand that rises has turned towards its goal here
# where a hand rises to: so far up that it is still on its way when an episode ends
_ALOFT = np.array([0.19, 0.0, 0.130])
_YAW_COUNTS = 0.03  # m/rad: a hand that is not turned yet counts as further away


class Motion:
    """Commands for the arm of `world`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def go(
        self, position: np.ndarray, yaw: float, jaw: float, *, squeeze: bool = False, funnel: bool = True
    ) -> np.ndarray:
        """(6,) rad: one control step towards a hand at `position` (3,) m, turned to `yaw`, its jaw at `jaw` rad.

        squeeze   press with the jaw instead of standing at `jaw`
        funnel    come from above; False: the straight line
        """
        world = self._world
        joints, hand = world.joints, world.hand()
        turn = yaw - hand.yaw
        pace = self._speed(hand, position) / FPS
        aim = _funnel(hand.position, position, pace, _YAW_COUNTS * abs(turn)) if funnel else position
        step = aim - hand.position
        far = float(np.linalg.norm(step))
        if far > pace:
            step *= pace / far
        jaw_now = float(joints[5])
        jaw_next = jaw_now + min(_JAW_STEP, max(-_JAW_STEP, jaw - jaw_now))
        next_yaw = hand.yaw + min(_YAW_STEP, max(-_YAW_STEP, turn))
        command = world.kinematics.solve(Place(hand.position + step, next_yaw), jaw_next, joints)
        if squeeze:
            command[5] = jaw_next - _SQUEEZE
        return command

    def rise(self, jaw: float, *, squeeze: bool = False) -> np.ndarray:
        """(6,) rad: from the table straight up, and the higher the more towards a place in the middle, far above."""
        hand = self._world.hand()
        share = min(1.0, max(0.0, (hand.position[2] - CUBE) / _UPWARDS)) ** 2
        goal = _ALOFT.copy()
        goal[:2] = hand.position[:2] + share * (goal[:2] - hand.position[:2])
        return self.go(goal, hand.yaw, jaw, squeeze=squeeze, funnel=False)

    def _speed(self, hand: Place, goal: np.ndarray) -> float:
        """m/s: as fast as the hand can be after a step, and still stop at the goal."""
        left = float(np.linalg.norm(goal - hand.position))
        pace = min(_FASTEST, math.sqrt(_SLOWEST**2 + 2 * _BRAKE * left))
        return pace if left < _NEAR else min(pace, self._world.hand_speed() + _GAIN / FPS)


def _funnel(hand: np.ndarray, goal: np.ndarray, pace: float, further: float) -> np.ndarray:
    """(3,) m: the point of the funnel around `goal` that is `pace` m further in than the hand."""
    across = goal[:2] - hand[:2]
    distance = float(np.linalg.norm(across))
    ahead = max(0.0, distance - pace)
    at = goal.copy()
    if distance > 0:
        at[:2] -= across / distance * ahead
    at[2] += _HIGH * -math.expm1(-max(0.0, ahead + further - _CLOSE) / _WIDE)
    return at
