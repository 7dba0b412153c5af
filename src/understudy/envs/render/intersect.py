"""Where rays enter solids. Exact for every kind; nothing is meshed.

Rays are given in the solid's own frame: one origin (3,) and N directions (3, N), float32. The answer is (N,) float32
depths, NaN or infinite where a ray misses: comparisons with either are false, which is what the z-buffer wants. A
solid is seen from outside only: where the ray starts inside, the depth of entry is negative.
Call it under `np.errstate(all="ignore")`: misses are roots of negative numbers.
"""

from __future__ import annotations

import numpy as np

from .exact import dot
from .solids import Solid


def depth_of_entry(solid: Solid, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(N,) depth at which each ray enters `solid`."""
    match solid.kind:
        case "box":
            return _slabs(np.array(solid.size, np.float32), origin, directions)
        case "sphere":
            return _ball(origin / np.float32(solid.size[0]), directions / np.float32(solid.size[0]))
        case "ellipsoid":
            size = np.array(solid.size, np.float32)
            return _ball(origin / size, directions / size[:, None])
        case "capsule":
            return _capsule(*solid.size[:2], origin, directions)
        case "cylinder":
            return _cylinder(*solid.size[:2], origin, directions)
        case "plane":
            return _plane(solid, origin, directions)


def _slabs(size: np.ndarray, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    inverse = 1 / directions
    one = (-size - origin)[:, None] * inverse
    other = (size - origin)[:, None] * inverse
    enter = np.minimum(one, other).max(axis=0)
    leave = np.maximum(one, other).min(axis=0)
    return np.where(enter <= leave, enter, np.inf)


def _ball(origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The unit ball. Also right for an ellipsoid once space is scaled: depth does not change with the frame."""
    a = (directions * directions).sum(axis=0)
    b = dot(origin, directions)
    c = dot(origin, origin) - np.float32(1)
    return np.asarray((-b - np.sqrt(b * b - a * c)) / a)


def _capsule(radius: float, half: float, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The side first. A ray that enters the endless cylinder above the upper end can only enter by the upper cap."""
    a, b, root = _side(radius, origin, directions)
    depth = (-b - root) / a
    z = origin[2] + depth * directions[2]
    beyond = np.abs(z) > half
    # along the axis there is no side to hit: inside the endless cylinder the nearer cap is the one to enter by
    beyond |= a < 1e-9
    if beyond.any():
        end = np.where(np.isfinite(z), np.sign(z), np.sign(origin[2])).astype(np.float32) * np.float32(half)
        depth = np.where(beyond, _cap(radius, end, origin, directions), depth)
    return np.asarray(depth)


def _cap(radius: float, end: np.ndarray, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Balls of `radius` at heights `end` (N,)."""
    z = origin[2] - end
    a = (directions * directions).sum(axis=0)
    b = dot(origin[:2], directions[:2]) + z * directions[2]
    c = dot(origin[:2], origin[:2]) - np.float32(radius**2) + z * z
    return np.asarray((-b - np.sqrt(b * b - a * c)) / a)


def _cylinder(radius: float, half: float, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    a, b, root = _side(radius, origin, directions)
    inverse = 1 / directions[2]
    one = (np.float32(-half) - origin[2]) * inverse
    other = (np.float32(half) - origin[2]) * inverse
    enter = np.fmax((-b - root) / a, np.minimum(one, other))  # fmax: rays along the axis have no side to enter by
    leave = np.fmin((-b + root) / a, np.maximum(one, other))
    within = bool(dot(origin[:2], origin[:2]) < radius**2)  # a ray along the axis stays as far from it as it starts
    return np.where((enter <= leave) & (root >= 0) & ((a > 0) | within), enter, np.inf)


def _side(radius: float, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the endless cylinder along z: a, half of b, and the root, of a t^2 + b t + c = 0."""
    flat = directions[:2]
    a = (flat * flat).sum(axis=0)
    b = dot(origin[:2], flat)
    c = dot(origin[:2], origin[:2]) - np.float32(radius**2)
    return a, b, np.sqrt(b * b - a * c)


def _plane(solid: Solid, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    depth: np.ndarray = -origin[2] / directions[2]
    if origin[2] <= 0:  # planes have no back
        return np.full_like(depth, np.inf)
    x, y, _ = solid.extents
    outside = np.abs(origin[0] + depth * directions[0]) > x
    outside |= np.abs(origin[1] + depth * directions[1]) > y
    depth[outside] = np.inf
    return depth
