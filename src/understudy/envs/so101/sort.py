"""Sort: the instruction says which of three cubes goes into which of two bins."""

from __future__ import annotations

import math

import numpy as np

from .chore import carry, carrying, fetch, flat_distance, let_go, scatter
from .model import WIDE, cube
from .motion import Motion
from .world import World

_COLOURS = {"red": (0.85, 0.16, 0.14), "green": (0.15, 0.62, 0.28), "blue": (0.16, 0.34, 0.74)}
_BINS = {"white": ((0.93, 0.93, 0.90), (0.155, -0.12)), "black": ((0.12, 0.12, 0.13), (0.255, -0.12))}
_HALF, _WALL, _THICK = 0.040, 0.022, 0.002  # m: half the edge of a bin, the height of its wall, half its thickness
_ABOVE = 0.046  # m: where the middle of a cube is when it is let go, a little above the wall
_APART = 0.062  # m between the middles of cubes: the open hand fits between
_TRUE, _LOW = 0.012, 0.010  # m: how well the expert aims before it lets go


class Sort:
    """Three cubes and two bins; done when the named cube alone lies in the named bin, and the jaws have let go."""

    version = 1
    front = WIDE
    horizon = 300
    instructions = tuple(f"put the {colour} cube into the {bin} bin" for colour in _COLOURS for bin in _BINS)

    def __init__(self) -> None:
        self.things = "".join(cube(name, colour) for name, colour in _COLOURS.items()) + _bins()
        self._cube, self._bin = "red", "white"

    def lay(self, world: World, random: np.random.Generator) -> str:
        self._cube = list(_COLOURS)[random.integers(len(_COLOURS))]
        self._bin = list(_BINS)[random.integers(len(_BINS))]
        places: list[tuple[float, float, float]] = []
        while len(places) < len(_COLOURS):
            place = scatter(random, (0.15, 0.28), (-0.02, 0.13))
            if all(math.dist(place[:2], other[:2]) > _APART for other in places):
                places.append(place)
        for name, place in zip(_COLOURS, places, strict=True):
            world.put(name, *place)
        return f"put the {self._cube} cube into the {self._bin} bin"

    def stage(self, world: World) -> tuple[bool, float]:
        inside = {(colour, bin) for colour in _COLOURS for bin in _BINS if _lies_in(world, colour, bin)}
        done = inside == {(self._cube, self._bin)} and not world.jaws_on(self._cube)
        return done, carrying(world, self._cube, _over(self._bin))

    def command(self, world: World, motion: Motion) -> np.ndarray:
        goal, held = _over(self._bin), world.holds(self._cube)
        # a cube above its bin that is not held is falling into it
        near = flat_distance(world, self._cube, goal) < (_TRUE if held else _HALF)
        if near and world.where(self._cube)[2] < _ABOVE + _LOW:
            return let_go(world, motion, goal)
        if held:
            return carry(world, motion, self._cube, goal, math.pi / 2)
        return fetch(world, motion, self._cube)


def _over(bin: str) -> np.ndarray:
    """(3,) m: where a cube is let go."""
    return np.array([*_BINS[bin][1], _ABOVE])


def _lies_in(world: World, colour: str, bin: str) -> bool:
    x, y, z = np.abs(world.where(colour) - [*_BINS[bin][1], 0.0])
    return bool(max(x, y) < _HALF and z < _ABOVE - 0.012)


def _bins() -> str:
    return "".join(_bin(name, *place) for name, (_, place) in _BINS.items())


def _bin(name: str, x: float, y: float) -> str:
    """A tray with four walls, open at the top."""
    colour = " ".join(str(part) for part in _BINS[name][0])
    walls = [(side * _HALF, 0.0, _THICK, _HALF + _THICK) for side in (-1, 1)]
    walls += [(0.0, side * _HALF, _HALF + _THICK, _THICK) for side in (-1, 1)]
    return f'<geom type="box" size="{_HALF} {_HALF} 0.0005" pos="{x} {y} 0.0005" rgba="{colour} 1"/>' + "".join(
        f'<geom class="object" type="box" size="{wide} {deep} {_WALL / 2}"'
        f' pos="{x + dx} {y + dy} {_WALL / 2}" rgba="{colour} 1"/>'
        for dx, dy, wide, deep in walls
    )
