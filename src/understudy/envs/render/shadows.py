"""Shadows on level ground: exact in outline for boxes and round bodies, softer the higher the body is.

Only tops of resting solids take shadows (a table, the floor of a bin). For each body the shadow's screen rectangle
is found as its own is, and the rays from the ground in it towards the light are tested in the body's frame. How dark a
point is follows from how much of the body its ray passes through, which makes an edge soft without more rays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .exact import dot, turned
from .footprint import CORNERS, Box
from .solids import Solid
from .view import View

_SMALLEST_TOP = 0.012  # metres: half-extent below which a top takes no shadow
_FLUSH = 1e-4  # metres: what rises less than this above a ground throws no shadow on it
_EDGE = 0.0025  # metres: width of the soft edge of a shadow cast from no height
_SPREAD = 0.10  # how much wider it gets per metre of height
_ROUND = ("sphere", "capsule", "ellipsoid")


@dataclass(frozen=True)
class Top:
    """The level top of a resting solid."""

    solid: int
    height: float  # metres, in the world


@dataclass(frozen=True)
class Ground:
    """A top as one camera sees it.

    box     its screen rectangle
    seen    (h, w) float32: 1 where a pixel shows it, else 0
    place   (2, h, w) float32: x and y of what each pixel shows, metres, in the world
    """

    top: Top
    box: Box
    seen: np.ndarray
    place: np.ndarray


def find_tops(solids: Sequence[Solid], positions: np.ndarray, rotations: np.ndarray) -> list[Top]:
    """The tops that take shadows: resting planes, and resting boxes that stand straight and are wide enough."""
    tops = []
    for index, solid in enumerate(solids):
        if not (solid.fixed and solid.ground) or solid.kind not in ("plane", "box"):
            continue
        upright = np.abs(rotations[index][2])  # how much each of its axes points up
        axis = int(upright.argmax())
        extents = list(solid.extents)
        height = float(positions[index][2]) + extents.pop(axis)
        if upright[axis] > 1 - 1e-6 and min(extents) > _SMALLEST_TOP:
            tops.append(Top(index, height))
    return tops


def find_grounds(tops: Sequence[Top], world: np.ndarray, number: np.ndarray) -> list[Ground]:
    """The tops in view. `world` (3, h, w): where each pixel's ray ends; `number` (h, w): on which solid."""
    grounds = []
    for top in tops:
        seen = (number == top.solid) & (np.abs(world[2] - top.height) < _FLUSH)
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        if len(rows):
            box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
            grounds.append(Ground(top, box, seen.astype(np.float32), world[:2]))
    return grounds


def darken(
    view: View,
    solids: Sequence[Solid],
    which: Sequence[int],
    grounds: Sequence[Ground],
    light: np.ndarray,
    shadow: np.ndarray,
) -> None:
    """Let the solids `which` throw their shadows: `shadow` (h, w) rises to 0..1 where they fall on a ground.

    light   (3,) unit vector towards the light, in the world
    """
    if not which or not grounds:
        return
    which = list(which)
    inverse = view.rotations[which].transpose(0, 2, 1)
    turns, directions = inverse.astype(np.float32), (inverse * light).sum(axis=2).astype(np.float32)
    heights = np.array([ground.top.height for ground in grounds])
    middles = heights[:, None, None] * [0.0, 0.0, 1.0]  # (g, 1, 3) where the world's z axis meets each ground
    starts = (inverse * (middles - view.positions[which])[:, :, None]).sum(axis=3)[..., None].astype(np.float32)
    edges = _EDGE + _SPREAD * np.maximum(view.positions[which, 2] - heights[:, None], 0)
    boxes = _screen_boxes(view, solids, which, heights, light, edges)
    for g, i, top, bottom, left, right in _visible(boxes, which, grounds):
        place = grounds[g].place[:, top:bottom, left:right].reshape(2, -1)
        origins = turned(turns[i, :, :2], place)
        origins += starts[g, i]
        dark = _darkness(solids[which[i]], origins, directions[i], np.float32(edges[g, i]))
        window = shadow[top:bottom, left:right]
        dark = np.minimum(dark.reshape(window.shape), grounds[g].seen[top:bottom, left:right])
        np.maximum(window, dark, out=window)


def _visible(boxes: np.ndarray, which: Sequence[int], grounds: Sequence[Ground]) -> list[list[int]]:
    """[ground, place in `which`, *box] of each shadow that meets its ground's screen rectangle, cut to that."""
    frames = np.array([ground.box for ground in grounds])[:, None]
    boxes[..., ::2] = np.maximum(boxes[..., ::2], frames[..., ::2])
    boxes[..., 1::2] = np.minimum(boxes[..., 1::2], frames[..., 1::2])
    seen = (boxes[..., 0] < boxes[..., 1]) & (boxes[..., 2] < boxes[..., 3])
    seen &= np.array(which) != np.array([[ground.top.solid] for ground in grounds])  # no top throws one on itself
    pairs = np.argwhere(seen)
    found: list[list[int]] = np.concatenate([pairs, boxes[seen]], axis=1).tolist()
    return found


def _screen_boxes(
    view: View, solids: Sequence[Solid], which: Sequence[int], heights: np.ndarray, light: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """(g, n, 4) int: the screen rectangle of each shadow on a level at each of `heights` (g,). `edges` (g, n)."""
    # the soft edge of a box or a cylinder lies within its outline, that of round bodies half outside
    pad = edges * [solids[index].kind in _ROUND for index in which]
    outward = CORNERS @ view.rotations[which].transpose(0, 2, 1)
    grown = view.corners[which] + outward * pad[:, :, None, None]
    rise = grown[..., 2:] - heights[:, None, None, None]
    grown -= rise / light[2] * light
    boxes = view.screen_boxes(grown.reshape(-1, 8, 3)).reshape(*edges.shape, 4)
    boxes[rise.max(axis=(2, 3)) < _FLUSH] = 0
    return boxes


def _darkness(solid: Solid, origins: np.ndarray, light: np.ndarray, edge: np.float32) -> np.ndarray:
    """(N,) how much of the light `solid` takes from points on the ground: all at 1 and above, none at 0 and below.

    origins   (3, N) the points, in the solid's frame, metres
    light     (3,) unit vector towards the light, in the solid's frame
    edge      how wide the soft edge is, metres
    """
    match solid.kind:
        case "sphere":
            return _band(np.zeros(3, np.float32), solid.size[0], origins, light, edge)
        case "capsule":
            return _band(np.array([0, 0, solid.size[1]], np.float32), solid.size[0], origins, light, edge)
        case "ellipsoid":  # a ball in scaled space, in which the edge is only about as wide
            size = np.array(solid.size, np.float32)
            scaled = light / size
            far = np.sqrt(dot(scaled, scaled))
            return _band(np.zeros(3, np.float32), 1.0, origins / size[:, None], scaled / far, edge / size.max())
        case "cylinder":
            return _cylinder(*solid.size[:2], origins, light) / edge
    return _box(np.array(solid.size, np.float32), origins, light) / edge


def _band(end: np.ndarray, radius: float, origins: np.ndarray, light: np.ndarray, edge: np.float32) -> np.ndarray:
    """Along the light, a ball is a disc and a capsule a stadium: distance to its spine, flattened."""
    flat_end = end - dot(end, light) * light
    length = max(float(dot(flat_end, flat_end)), 1e-12)
    along = dot(light, origins)
    flat = origins - along * light[:, None]
    share = np.minimum(np.maximum(dot(flat_end, flat) / np.float32(length), -1), 1)
    off = flat - share * flat_end[:, None]
    distance = np.sqrt((off * off).sum(axis=0))
    behind = along < share * dot(end, light)  # the body is on the light's side of the point
    return np.asarray(((np.float32(radius) - distance) / (2 * edge) + np.float32(0.5)) * behind)


def _box(size: np.ndarray, origins: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Metres of each ray within the box."""
    towards = -1 / np.where(np.abs(light) < 1e-6, np.float32(1e-6), light)[:, None]
    reach = np.abs(size[:, None] * towards)
    middle = origins * towards
    leave = (middle + reach).min(axis=0)
    middle -= reach
    return np.asarray(leave - np.maximum(middle.max(axis=0), 0))


def _cylinder(radius: float, half: float, origins: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Metres of each ray within the cylinder."""
    a = max(float(dot(light[:2], light[:2])), 1e-12)
    b = dot(light[:2], origins[:2])
    c = (origins[:2] * origins[:2]).sum(axis=0) - np.float32(radius**2)
    root = np.sqrt(np.maximum(b * b - np.float32(a) * c, 0))
    rise = light[2] if abs(light[2]) > 1e-6 else np.float32(1e-6)
    middle, reach = -origins[2] / rise, abs(half / rise)
    leave = np.minimum((root - b) / np.float32(a), middle + reach)
    enter = np.maximum((-root - b) / np.float32(a), middle - reach)
    return np.asarray(leave - np.maximum(enter, 0))
