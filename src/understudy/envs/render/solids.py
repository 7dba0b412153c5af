"""Solid: one primitive of a scene, and the tables of numbers that drawing many of them needs.

Sizes follow MuJoCo: half-extents; `(radius,)` for spheres, `(radius, half length)` along z for capsules and cylinders,
and `(half x, half y)` for planes, where 0 means without end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Kind = Literal["plane", "box", "sphere", "capsule", "cylinder", "ellipsoid"]
KINDS: tuple[str, ...] = get_args(Kind)
ENDLESS = 1e6  # half-extent of a plane without end, metres
_BEVEL = 0.12  # of the shortest half-extent: how far from an edge a box is shaded as if it were rounded
_LARGEST_BEVEL = 0.0025  # metres; a table top is not a pillow


@dataclass(frozen=True)
class Solid:
    """One primitive.

    kind      which shape
    size      three half-extents, metres, as MuJoCo's geom_size; what a kind does not use is ignored
    colour    red, green, blue, each 0..1
    texture   "table", or None for one colour all over
    fixed     it never moves while the renderer lives, or seldom: what a resting camera sees of it is drawn once
    """

    kind: Kind
    size: tuple[float, float, float]
    colour: tuple[float, float, float]
    texture: str | None = None
    fixed: bool = False

    @property
    def extents(self) -> tuple[float, float, float]:
        """Half-extents of the box around it, in its own frame, metres."""
        a, b, c = self.size
        match self.kind:
            case "sphere":
                return a, a, a
            case "capsule":
                return a, a, a + b
            case "cylinder":
                return a, a, b
            case "plane":
                return a or ENDLESS, b or ENDLESS, 0.0
        return a, b, c


@dataclass(frozen=True)
class ShadingTable:
    """What gives a point on each of n solids its normal: `(point - clip(point, -core, core)) * weight`, normalised.

    A sphere's core is its centre, a capsule's its axis, a box's the box that remains without its rounded edges; an
    ellipsoid weighs the axes by 1 / half-extent squared. Cylinders need a word of their own, see shading.py.
    """

    core: np.ndarray  # (n, 3) float32, metres
    weight: np.ndarray  # (n, 3) float32
    colour: np.ndarray  # (n, 3) float32
    bevel: np.ndarray  # (n,) float32, metres
    radius: np.ndarray  # (n,) float32, metres
    is_cylinder: np.ndarray  # (n,) bool


def shading_table(solids: Sequence[Solid]) -> ShadingTable:
    """The table of these solids, in their order."""
    cores, weights, bevels = [], [], []
    for solid in solids:
        extents = np.array(solid.extents)
        bevel = min(_BEVEL * float(extents.min()), _LARGEST_BEVEL)
        core, weight = np.zeros(3), np.ones(3)
        match solid.kind:
            case "box":
                core = extents - bevel
            case "plane":
                core = np.array([np.inf, np.inf, -1.0])  # clip turns any height into -1: the normal points up
            case "capsule":
                core = np.array([0.0, 0.0, solid.size[1]])
            case "cylinder":
                core = np.array([0.0, 0.0, solid.size[1] - bevel])
            case "ellipsoid":
                weight = float(extents.min()) ** 2 / extents**2
        cores.append(core)
        weights.append(weight)
        bevels.append(bevel)
    return ShadingTable(
        core=np.array(cores, np.float32).reshape(-1, 3),
        weight=np.array(weights, np.float32).reshape(-1, 3),
        colour=np.array([solid.colour for solid in solids], np.float32).reshape(-1, 3),
        bevel=np.array(bevels, np.float32),
        radius=np.array([solid.size[0] for solid in solids], np.float32),
        is_cylinder=np.array([solid.kind == "cylinder" for solid in solids], bool),
    )
