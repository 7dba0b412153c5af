"""Lift: take the cube off the table and hold it up."""

from __future__ import annotations

import numpy as np

from .chore import fetch, reaching, scatter
from .model import CUBE, NEAR, cube
from .motion import CLOSED, Motion
from .world import World

_HEIGHT = 0.05  # m above where it lay


class Lift:
    """A cube in a patch of 12 x 12 cm, turned by up to 30 degrees; done when its middle is 5 cm higher than it lay."""

    version = 1
    front = NEAR
    horizon = 150
    instructions = ("lift the red cube",)
    things = cube("cube", (0.85, 0.16, 0.14))

    def lay(self, world: World, random: np.random.Generator) -> str:
        world.put("cube", *scatter(random, (0.16, 0.28), (-0.06, 0.06)))
        return self.instructions[0]

    def stage(self, world: World) -> tuple[bool, float]:
        height = world.where("cube")[2] - CUBE
        risen = min(1.0, max(0.0, height / _HEIGHT))
        progress = 0.3 * reaching(world, "cube") + 0.1 * world.jaws_on("cube") + 0.4 * risen
        return bool(height > _HEIGHT), progress

    def command(self, world: World, motion: Motion) -> np.ndarray:
        if not world.holds("cube"):
            return fetch(world, motion, "cube")
        return motion.rise(CLOSED, squeeze=True)
