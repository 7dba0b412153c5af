"""View: one picture to be drawn, with the solids as its camera sees them.

Directions of rays are linear in the pixel's column and row, in any frame; so a solid's own rays are the sum of one
vector per column and one per row, and nothing is computed per pixel until a solid is known to be near it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .camera import Camera, PixelGrid, pixel_grid
from .footprint import CORNERS, screen_boxes
from .intersect import depth_of_entry
from .solids import Solid

NEAR = 1e-3  # metres: what is nearer than this is not drawn


@dataclass(frozen=True)
class View:
    """A camera and n solids in their places.

    positions   (n, 3) float64, metres
    rotations   (n, 3, 3) float64, solid to world
    corners     (n, 8, 3) float64 corners of the boxes around the solids, in the world
    across      (n + 1, 3, w) float32 } their sum is the direction of a pixel's ray in the frame of each
    down        (n + 1, 3, h) float32 } solid, and last in the world's
    origin      (n + 1, 3) float32 the camera's place in these frames
    """

    camera: Camera
    grid: PixelGrid
    positions: np.ndarray
    rotations: np.ndarray
    corners: np.ndarray
    across: np.ndarray
    down: np.ndarray
    origin: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        return len(self.grid.up), len(self.grid.right)

    @cached_property
    def directions(self) -> np.ndarray:
        """(3, h, w) float32: the ray of each pixel, in the world."""
        return np.asarray(self.down[-1][:, :, None] + self.across[-1][:, None, :])

    def screen_boxes(self, corners: np.ndarray) -> np.ndarray:
        """(n, 4) int: the screen rectangles around the `corners` (n, 8, 3) of boxes, in the world."""
        return screen_boxes((corners - self.camera.position) @ self.camera.rotation, self.grid)


def make_view(
    solids: Sequence[Solid], positions: np.ndarray, rotations: np.ndarray, camera: Camera, width: int, height: int
) -> View:
    """The view of these solids. `positions` (n, 3), `rotations` (n, 3, 3)."""
    grid = pixel_grid(width, height, camera.fovy)
    place, turn = np.asarray(camera.position, np.float64), np.asarray(camera.rotation, np.float64)
    rotations = np.asarray(rotations, np.float64).reshape(-1, 3, 3)
    positions = np.asarray(positions, np.float64).reshape(-1, 3)
    extents = np.array([solid.extents for solid in solids]).reshape(-1, 1, 3)
    corners = (CORNERS * extents) @ rotations.transpose(0, 2, 1) + positions[:, None, :]
    inverse = np.concatenate([rotations.transpose(0, 2, 1), np.eye(3)[None]])
    origin = (inverse * (place - np.concatenate([positions, np.zeros((1, 3))]))[:, None]).sum(axis=2)
    axes = (inverse[:, :, :, None] * turn).sum(axis=2).astype(np.float32)
    across = axes[:, :, 0, None] * grid.right
    down = axes[:, :, 1, None] * grid.up - axes[:, :, 2, None]
    seen_by = Camera(place, turn, camera.fovy)
    return View(seen_by, grid, positions, rotations, corners, across, down, origin.astype(np.float32))


def cover(view: View, solids: Sequence[Solid], which: Sequence[int], depth: np.ndarray, number: np.ndarray) -> None:
    """Enter the solids `which` into a z-buffer: `depth` (h, w) float32 and `number` (h, w) of the nearest solid."""
    boxes = view.screen_boxes(view.corners[which]).tolist()
    for index, (top, bottom, left, right) in zip(which, boxes, strict=True):
        if top >= bottom or left >= right:
            continue
        rays = view.down[index][:, top:bottom, None] + view.across[index][:, None, left:right]
        entry = depth_of_entry(solids[index], view.origin[index], rays.reshape(3, -1)).reshape(rays.shape[1:])
        window = depth[top:bottom, left:right]
        nearer = (entry > NEAR) & (entry < window)
        np.copyto(window, entry, where=nearer)
        np.copyto(number[top:bottom, left:right], index, where=nearer)
