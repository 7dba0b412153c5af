"""Solid: one primitive of a scene.

Sizes follow MuJoCo: half-extents; `(radius,)` for spheres, `(radius, half length)` along z for capsules and cylinders,
and `(half x, half y)` for planes, where 0 means without end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["plane", "box", "sphere", "capsule", "cylinder", "ellipsoid"]
ENDLESS = 1e6  # half-extent of a plane without end, metres


@dataclass(frozen=True)
class Solid:
    """One primitive.

    kind      which shape
    size      three half-extents, metres, as MuJoCo's geom_size; what a kind does not use is ignored
    colour    red, green, blue, each 0..1
    texture   "table", or None for one colour all over
    fixed     it never moves while the renderer lives, or seldom: what a resting camera sees of it is drawn once
    ground    whether its top takes shadows, if it is fixed and level; each ground costs as much as the table
    """

    kind: Kind
    size: tuple[float, float, float]
    colour: tuple[float, float, float]
    texture: str | None = None
    fixed: bool = False
    ground: bool = True

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
