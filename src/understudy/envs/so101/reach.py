"""Reach: bring the hand to a ball on a post."""

from __future__ import annotations

import math

import numpy as np

from .chore import nearness
from .model import WIDE
from .motion import CLOSED, Motion
from .world import World

_NEAR = 0.015  # m
_BALL = 0.010  # m, its radius


class Reach:
    """A ball anywhere in 11 x 20 x 9 cm; done when the point between the jaws is within 15 mm of its middle."""

    version = 1
    front = WIDE
    horizon = 90
    instructions = ("reach the green ball",)
    things = f"""<body name="ball" mocap="true">
      <geom type="sphere" size="{_BALL}" rgba="0.15 0.62 0.28 1"/>
      <geom type="cylinder" size="0.003 0.065" pos="0 0 -0.065" rgba="0.45 0.45 0.47 1"/></body>"""

    def lay(self, world: World, random: np.random.Generator) -> str:
        x, y, z = (random.uniform(*limits) for limits in ((0.17, 0.28), (-0.10, 0.10), (0.03, 0.12)))
        world.mark("ball", x, y, z)
        return self.instructions[0]

    def stage(self, world: World) -> tuple[bool, float]:
        distance = float(np.linalg.norm(world.where("ball") - world.hand().position))
        return distance < _NEAR, nearness(distance - _NEAR, 0.20)

    def command(self, world: World, motion: Motion) -> np.ndarray:
        return motion.go(world.where("ball"), math.pi / 2, CLOSED, funnel=False)
