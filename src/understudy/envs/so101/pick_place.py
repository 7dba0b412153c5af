"""Pick and place: take a cube from one side of the table to a mark on the other, and let go."""

from __future__ import annotations

import math

import numpy as np

from .chore import carry, carrying, fetch, flat_distance, let_go, on_table, scatter
from .model import CUBE, WIDE, cube
from .motion import Motion
from .world import World

_MARK = np.array([0.21, -0.09, CUBE])  # where the middle of the cube belongs, m
_HALF = 0.035  # m: half the edge of the mark
_NEAR = 0.025  # m


class PickPlace:
    """A cube in a patch of 12 x 12 cm; done when it lies on the mark, its middle within 25 mm of the mark's, let go."""

    version = 1
    front = WIDE
    horizon = 250
    instructions = ("put the red cube on the blue square",)
    things = cube("cube", (0.85, 0.16, 0.14)) + (
        f'<geom type="box" size="{_HALF} {_HALF} 0.0005" pos="{_MARK[0]} {_MARK[1]} 0.0005" rgba="0.16 0.34 0.74 1"/>'
    )

    def lay(self, world: World, random: np.random.Generator) -> str:
        world.put("cube", *scatter(random, (0.16, 0.28), (0.0, 0.12)))
        return self.instructions[0]

    def stage(self, world: World) -> tuple[bool, float]:
        return self._lies_there(world) and not world.holds("cube"), carrying(world, "cube", _MARK)

    def command(self, world: World, motion: Motion) -> np.ndarray:
        if self._lies_there(world):
            return let_go(world, motion, world.where("cube"))
        if world.holds("cube"):
            return carry(world, motion, "cube", _MARK, math.pi / 2)
        return fetch(world, motion, "cube")

    def _lies_there(self, world: World) -> bool:
        return on_table(world, "cube") and flat_distance(world, "cube", _MARK) < _NEAR
