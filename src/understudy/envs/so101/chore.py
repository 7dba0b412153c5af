"""Chore: what one task adds to the arm and its table; and what fetching a cube has in common in all of them."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from .model import CUBE
from .motion import CLOSED, OPEN, Motion
from .world import World, quarter

# how far off the cube may be when the jaw begins to close, and while it closes:
# along the hand, across it, towards the jaw (m), turned (rad)
_BEGIN = np.array([0.006, 0.006, 0.006, 0.14])
_KEEP = np.array([0.013, 0.011, 0.016, 0.40])
_LET_GO = OPEN - 0.25  # rad: so far open the jaws pass a cube without touching


class Chore(Protocol):
    """One task.

    horizon        control steps until an episode is over
    instructions   every instruction an episode can have
    things         the bodies of the task, as MJCF
    front          its front camera, as MJCF
    version        goes up when the same seed or actions would give another episode
    """

    horizon: int
    instructions: tuple[str, ...]
    things: str
    front: str
    version: int

    def lay(self, world: World, random: np.random.Generator) -> str:
        """Lay out the things of an episode; its instruction."""

    def stage(self, world: World) -> tuple[bool, float]:
        """Whether the task is done as things stand now, and how far it has come, 0..1."""

    def command(self, world: World, motion: Motion) -> np.ndarray:
        """(6,) rad: what the expert tells the servos to do now."""


def scatter(random: np.random.Generator, x: tuple[float, float], y: tuple[float, float]) -> tuple[float, float, float]:
    """A place for a cube: x and y between limits in m, and a yaw within 30 degrees."""
    return random.uniform(*x), random.uniform(*y), random.uniform(-math.pi / 6, math.pi / 6)


def fetch(world: World, motion: Motion, cube: str) -> np.ndarray:
    """(6,) rad: towards the cube and, when it is between the jaws, the jaw towards the cube."""
    hand = world.hand()
    # opening sideways, as seen from the shoulder at rest, both jaws are in the front camera's view
    yaw = math.pi / 2 + world.yaw(cube)
    off = np.abs([*world.in_hand(cube), quarter(hand.yaw - yaw)])
    closing = world.joints[5] < OPEN - 0.05
    inside = bool((off < (_KEEP if closing else _BEGIN)).all())
    jaw = CLOSED if inside else OPEN
    return motion.go(world.where(cube), yaw, jaw, squeeze=inside)


def carry(world: World, motion: Motion, cube: str, goal: np.ndarray, yaw: float) -> np.ndarray:
    """(6,) rad: bring the cube in the jaws to `goal` (3,) m, however it lies between them."""
    to_hand = world.hand().position - world.where(cube)
    return motion.go(goal + to_hand, yaw, CLOSED, squeeze=True)


def let_go(world: World, motion: Motion, position: np.ndarray) -> np.ndarray:
    """(6,) rad: open around `position` (3,) m, then leave upwards."""
    if world.joints[5] < _LET_GO:
        return motion.go(position, world.hand().yaw, OPEN, funnel=False)
    return motion.rise(OPEN)


def nearness(distance: float, far: float) -> float:
    """1 at no distance, 0 at `far` m and beyond."""
    return max(0.0, 1.0 - distance / far)


def reaching(world: World, cube: str) -> float:
    """0..1: how near the hand is to a cube."""
    return nearness(float(np.linalg.norm(world.in_hand(cube))), 0.15)


def on_table(world: World, cube: str) -> bool:
    """Whether a cube is no higher than the table bears it."""
    return bool(world.where(cube)[2] < CUBE + 0.004)


def flat_distance(world: World, cube: str, goal: np.ndarray) -> float:
    """m, seen from above."""
    return float(np.linalg.norm((world.where(cube) - goal)[:2]))


def carrying(world: World, cube: str, goal: np.ndarray) -> float:
    """0..1: how far a cube has been brought: hand at the cube 0.2, both jaws on it 0.1, cube at its goal 0.6."""
    left = float(np.linalg.norm(world.where(cube) - goal))
    return 0.2 * reaching(world, cube) + 0.05 * world.jaws_on(cube) + 0.6 * nearness(left, 0.15)
