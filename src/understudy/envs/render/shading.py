"""The colour of what pixels show: a key light from one side, a fill light at the camera, a bright sky, a soft gleam.

A point's normal is `(point - clip(point, -core, core)) * weight` in the solid's own frame: a sphere's core is its
centre, a capsule's its axis, a box's what remains of it without rounded edges, so that edges catch the light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .exact import dot, turned
from .footprint import Box
from .solids import Solid
from .textures import table_tint
from .view import View

KEY = 0.50
FILL = 0.16
AMBIENT = 0.36
SKY = 0.12  # that much more ambient light from above than from the side, and less from below
GLEAM = 0.16
_BEVEL = 0.12  # of the shortest half-extent: how far from an edge a solid is shaded as if it were rounded
_LARGEST_BEVEL = 0.0025  # metres: a table top is not a pillow

_HORIZON = (0.905, 0.920, 0.935)
_ZENITH = (0.600, 0.715, 0.840)
_FLOOR = (0.760, 0.770, 0.785)


@dataclass(frozen=True)
class Finish:
    """What a solid's normals and colour are made of.

    core     (3, 1) float32, metres
    weight   (3, 1) float32
    rim      of a cylinder, metres: farther than this from its axis its wall begins to count; else infinite
    """

    core: np.ndarray
    weight: np.ndarray
    rim: float
    colour: np.ndarray
    texture: str | None


def finish_of(solid: Solid) -> Finish:
    """How `solid` is shaded."""
    extents = np.array(solid.extents)
    bevel = min(_BEVEL * float(extents.min()), _LARGEST_BEVEL)
    core, weight, rim = np.zeros(3), np.ones(3), np.inf
    match solid.kind:
        case "box":
            core = extents - bevel
        case "plane":
            core = np.array([np.inf, np.inf, -1.0])  # clip makes any height -1: the normal points up
        case "capsule":
            core[2] = solid.size[1]
        case "cylinder":
            core[2] = solid.size[1] - bevel
            rim = solid.size[0] - bevel
        case "ellipsoid":
            weight = (extents.min() / extents) ** 2
    columns = [np.asarray(part, np.float32)[:, None] for part in (core, weight, solid.colour)]
    return Finish(columns[0], columns[1], rim, columns[2], solid.texture)


def shade(
    view: View,
    finishes: Sequence[Finish],
    light: np.ndarray,
    depth: np.ndarray,
    number: np.ndarray,
    pixels: np.ndarray,
    colour: np.ndarray,
) -> None:
    """Paint the pixels with these flat indices (N,) into `colour` (3, h, w): 0..1 but for the gleam, and no shadow.

    light    (3,) unit vector towards the light, in the world
    depth    (h, w) of what is seen there
    number   (h, w) of the solid that is seen there; all pixels must show one
    """
    which = number.reshape(-1)[pixels]
    order = np.argsort(which, kind="stable")
    pixels, which = pixels[order], which[order]
    # take() and one channel at a time: indexing [:, pixels] is ten times as slow
    directions = view.directions.reshape(3, -1).take(pixels, axis=1)
    world = directions * depth.reshape(-1)[pixels]
    world += view.origin[-1][:, None]
    normal, paint = np.empty_like(world), np.empty_like(world)
    for index, start, end in _runs(which):
        turn = view.rotations[index].astype(np.float32)
        local = turned(turn.T, world[:, start:end] - view.positions[index].astype(np.float32)[:, None])
        normal[:, start:end] = turned(turn, _normal(finishes[index], local))
        paint[:, start:end] = finishes[index].colour
        if finishes[index].texture == "table":
            footprint = float(depth.reshape(-1)[pixels[start:end]].mean()) / view.grid.focal
            paint[:, start:end] *= table_tint(local[0], local[1], footprint)
    normal *= 1 / np.sqrt((normal * normal).sum(axis=0))
    toward = directions * -view.grid.shortening.reshape(-1)[pixels]
    shaded = _light(normal, toward, paint, light.astype(np.float32))
    for channel, values in zip(colour.reshape(3, -1), shaded, strict=True):
        channel[pixels] = values


def _runs(sorted_numbers: np.ndarray) -> list[tuple[int, int, int]]:
    """(number, start, end) of each run of equal numbers."""
    starts = [0, *(np.flatnonzero(np.diff(sorted_numbers)) + 1).tolist()]
    ends = [*starts[1:], len(sorted_numbers)]
    return [(int(sorted_numbers[a]), a, b) for a, b in zip(starts, ends, strict=True) if a < b]


def _normal(finish: Finish, local: np.ndarray) -> np.ndarray:
    """(3, N) normals, not of unit length, at points `local` (3, N) of the surface."""
    normal = local - np.minimum(np.maximum(local, -finish.core), finish.core)
    if np.isfinite(finish.rim):
        radius = np.sqrt((local[:2] * local[:2]).sum(axis=0)) + np.float32(1e-9)
        normal[:2] *= np.maximum(radius - np.float32(finish.rim), 0) / radius
    return np.asarray(normal * finish.weight)


def _light(normal: np.ndarray, toward: np.ndarray, paint: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(3, N) colours. `toward` (3, N): unit vectors from the points to the camera."""
    facing = (normal * toward).sum(axis=0)
    lit = dot(light, normal)
    amount = np.maximum(lit, 0) * np.float32(KEY) + np.maximum(facing, 0) * np.float32(FILL)
    amount += normal[2] * np.float32(SKY) + np.float32(AMBIENT)
    return np.asarray(paint * amount + _gleam(facing, lit, dot(light, toward)) * (lit > 0))


def _gleam(facing: np.ndarray, lit: np.ndarray | np.float32, toward_light: np.ndarray) -> np.ndarray:
    """Blinn's, to the power of 32. His half vector's length squared is 2 + 2 toward.light, so it need not be made."""
    gleam = np.maximum(facing + lit, 0)
    gleam *= gleam / (2 + 2 * toward_light)
    for _ in range(4):
        gleam *= gleam
    return np.asarray(gleam * np.float32(GLEAM))


def shade_level(
    view: View, finish: Finish, index: int, light: np.ndarray, far: float, box: Box, place: np.ndarray
) -> np.ndarray:
    """(3, r, c) colours of a level top in the screen rectangle `box`: what `shade` gives, at a third of the cost.

    On level ground all that light needs is linear in a ray's direction, so it is known without any point's normal.

    index    the solid whose top it is
    far      metres to the middle of it
    place    (2, r, c) float32: x and y in the world of what each pixel of `box` shows
    """
    top, bottom, left, right = box
    shortening = view.grid.shortening[top:bottom, left:right]
    down, across = view.down[-1][:, top:bottom], view.across[-1][:, left:right]
    facing = (down[2][:, None] + across[2]) * -shortening
    toward_light = (dot(light, down)[:, None] + dot(light, across)) * -shortening
    amount = np.maximum(facing, 0) * np.float32(FILL) + np.float32(KEY * light[2] + SKY + AMBIENT)
    colours = finish.colour[:, :, None] * amount
    if finish.texture == "table":
        turn = view.rotations[index].T.astype(np.float32)
        local = turned(turn[:2, :2], place.reshape(2, -1) - view.positions[index, :2, None].astype(np.float32))
        colours *= table_tint(local[0].reshape(amount.shape), local[1].reshape(amount.shape), far / view.grid.focal)
    return np.asarray(colours + _gleam(facing, np.float32(light[2]), toward_light))


def sky(directions: np.ndarray, shortening: np.ndarray) -> np.ndarray:
    """(3, h, w) colours where a ray meets nothing: a gradient by height. `directions` (3, h, w) in the world."""
    slope = directions[2] * shortening
    up = np.minimum(np.maximum(slope * 2, 0), 1)
    down = np.minimum(np.maximum(slope * -3, 0), 1)
    horizon, zenith, floor = (np.array(c, np.float32)[:, None, None] for c in (_HORIZON, _ZENITH, _FLOOR))
    return np.asarray(horizon + up * (zenith - horizon) + down * (floor - horizon))
