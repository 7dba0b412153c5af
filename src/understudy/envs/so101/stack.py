"""Stack: put one cube on another, and let go."""

from __future__ import annotations

import math

import numpy as np

from .chore import carry, carrying, fetch, flat_distance, let_go, scatter
from .model import CUBE, WIDE, cube
from .motion import Motion
from .world import World

_OVERHANG = 0.012  # m: less than half an edge, so that the upper cube cannot tip
_TRUE = 0.005  # m: how well the expert aims before it lets go
_CONTACT = 0.003  # m


class Stack:
    """Two cubes in two patches; done when the red one stands on the blue one and the jaws have let go."""

    version = 1
    front = WIDE
    horizon = 250
    instructions = ("stack the red cube on the blue cube",)
    things = cube("red", (0.85, 0.16, 0.14)) + cube("blue", (0.16, 0.34, 0.74))

    def lay(self, world: World, random: np.random.Generator) -> str:
        world.put("red", *scatter(random, (0.16, 0.28), (0.0, 0.12)))
        world.put("blue", *scatter(random, (0.18, 0.26), (-0.11, -0.06)))
        return self.instructions[0]

    def stage(self, world: World) -> tuple[bool, float]:
        done = self._stands(world, _OVERHANG) and not world.jaws_on("red")
        return done, carrying(world, "red", self._top(world))

    def command(self, world: World, motion: Motion) -> np.ndarray:
        held = world.holds("red")
        if self._stands(world, _TRUE if held else _OVERHANG):
            return let_go(world, motion, world.where("red"))
        if held:
            return carry(world, motion, "red", self._top(world), math.pi / 2 + world.yaw("blue"))
        return fetch(world, motion, "red")

    def _top(self, world: World) -> np.ndarray:
        """(3,) m: where the middle of the red cube belongs."""
        top: np.ndarray = world.where("blue") + np.array([0.0, 0.0, 2 * CUBE])
        return top

    def _stands(self, world: World, near: float) -> bool:
        top = self._top(world)
        low = abs(world.where("red")[2] - top[2]) < _CONTACT
        return bool(low and flat_distance(world, "red", top) < near)
