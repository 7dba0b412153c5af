"""The colour of visible points: a key light from one side, a fill light from the camera, a bright sky, a soft gleam.

Everything is computed at once for the points of all solids; nothing here knows how they were found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .solids import ShadingTable

KEY = 0.50
FILL = 0.16
AMBIENT = 0.34
SKY = 0.12  # more ambient light from above than from the side, less from below
GLEAM = 0.16
SHADOW = 0.42  # share of a level surface's light that a shadow takes away: about KEY / (KEY + FILL + AMBIENT + SKY)

_HORIZON = (0.905, 0.920, 0.935)
_ZENITH = (0.600, 0.715, 0.840)
_FLOOR = (0.760, 0.770, 0.785)


@dataclass(frozen=True)
class Points:
    """Visible points of solids.

    solid      (N,) which solid
    world      (3, N) where, metres
    local      (3, N) where in the solid's own frame
    toward     (3, N) from the point towards the camera, unit length, in the world
    """

    solid: np.ndarray
    world: np.ndarray
    local: np.ndarray
    toward: np.ndarray


def shade(points: Points, table: ShadingTable, rotations: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(3, N) float32 colours, 0..1 but for the gleam, with no shadow.

    rotations   (n, 3, 3) float32, solid to world
    light       (3,) float32 unit vector towards the light
    """
    normal = _normals(points, table, rotations)
    facing = np.einsum("in,in->n", normal, points.toward)
    lit = np.maximum(light @ normal, 0)
    amount = KEY * lit + FILL * np.maximum(facing, 0) + SKY * normal[2] + AMBIENT
    half = points.toward + light[:, None]
    gleam = np.einsum("in,in->n", normal, half) / np.sqrt(np.einsum("in,in->n", half, half))
    gleam = np.maximum(gleam, 0) * (lit > 0)
    for _ in range(5):
        gleam *= gleam
    colours: np.ndarray = table.colour.T[:, points.solid] * amount + GLEAM * gleam
    return colours


def _normals(points: Points, table: ShadingTable, rotations: np.ndarray) -> np.ndarray:
    """(3, N) unit normals in the world."""
    local = points.local
    core = table.core.T[:, points.solid]
    normal = local - np.minimum(np.maximum(local, -core), core)
    normal *= table.weight.T[:, points.solid]
    round_ = np.flatnonzero(table.is_cylinder[points.solid])
    if len(round_):
        # the wall counts only near the rim: by how far the point lies beyond a core of radius - bevel
        radius = np.sqrt((local[:2, round_] ** 2).sum(axis=0))
        bevel = table.bevel[points.solid[round_]]
        rim = np.maximum(radius - (table.radius[points.solid[round_]] - bevel), 0)
        normal[:2, round_] = local[:2, round_] / np.maximum(radius, 1e-9) * rim
    turned = np.einsum("nij,jn->in", rotations[points.solid], normal)
    turned /= np.sqrt(np.einsum("in,in->n", turned, turned)) + np.float32(1e-20)
    return turned


def sky(directions: np.ndarray) -> np.ndarray:
    """(3, ...) colours where a ray meets nothing: a gradient by height. `directions` (3, ...) in the world."""
    slope = directions[2] / np.sqrt((directions * directions).sum(axis=0))
    up = np.minimum(np.maximum(slope * 2, 0), 1)
    down = np.minimum(np.maximum(slope * -3, 0), 1)
    shape = (3,) + (1,) * up.ndim
    horizon, zenith, floor = (np.array(c, np.float32).reshape(shape) for c in (_HORIZON, _ZENITH, _FLOOR))
    colours: np.ndarray = horizon + up * (zenith - horizon) + down * (floor - horizon)
    return colours
