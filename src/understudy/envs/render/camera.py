"""Camera, and the rays of its pixels.

A ray is `position + t * direction` with directions that reach one metre *along the optical axis*, not one metre far:
`t` is then depth, the same for every solid, and directions are linear in the pixel's column and row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole camera, as MuJoCo's: x to the right, y up, looking along -z; square pixels.

    position   (3,) metres
    rotation   (3, 3) camera to world; its columns are the camera's axes
    fovy       vertical angle of view, degrees
    """

    position: np.ndarray
    rotation: np.ndarray
    fovy: float = 45.0


def look_at(position: tuple[float, float, float], target: tuple[float, float, float], fovy: float = 45.0) -> Camera:
    """A camera at `position` that has `target` in the middle and the world's z pointing up."""
    back = np.subtract(position, target)
    back = back / np.linalg.norm(back)
    right = np.cross((0.0, 0.0, 1.0), back)
    if np.linalg.norm(right) < 1e-9:  # straight down or up: any right will do
        right = np.array([1.0, 0.0, 0.0])
    right = right / np.linalg.norm(right)
    return Camera(np.array(position, float), np.stack([right, np.cross(back, right), back], axis=1), fovy)


@dataclass(frozen=True)
class PixelGrid:
    """Where pixels lie on the picture plane one metre before the camera.

    right   (w,) float32, metres: column centres
    up      (h,) float32, metres: row centres, the top row first
    focal   pixels a metre on that plane
    shortening   (h, w) float32: one over the length of each pixel's direction
    """

    right: np.ndarray
    up: np.ndarray
    focal: float
    shortening: np.ndarray


@lru_cache(maxsize=32)
def pixel_grid(width: int, height: int, fovy: float) -> PixelGrid:
    """The grid of a picture; kept, because a camera rarely changes its lens."""
    focal = height / 2 / np.tan(np.deg2rad(fovy) / 2)
    right = (np.arange(width) + 0.5 - width / 2) / focal
    up = (height / 2 - 0.5 - np.arange(height)) / focal
    shortening = 1 / np.sqrt(1 + right**2 + up[:, None] ** 2)
    return PixelGrid(right.astype(np.float32), up.astype(np.float32), float(focal), shortening.astype(np.float32))
