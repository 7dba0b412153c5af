"""Which pixels a solid can cover: the screen rectangle around the corners of its bounding box."""

from __future__ import annotations

import itertools

import numpy as np

from .camera import PixelGrid

_BEHIND = 1e-3  # metres before the camera: what is nearer has no place on the screen
CORNERS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))  # (8, 3)

Box = tuple[int, int, int, int]  # first row, last row + 1, first column, last column + 1


def screen_boxes(corners: np.ndarray, grid: PixelGrid) -> np.ndarray:
    """(n, 4) int: the `Box` of each solid, empty where it is out of view.

    corners   (n, k, 3) float64, in the camera's frame, metres

    A solid of which a corner is behind the camera may be anywhere in the picture, and gets all of it; one whose
    corners are all behind gets nothing.
    """
    height, width = len(grid.up), len(grid.right)
    depth = -corners[:, :, 2]
    behind = depth < _BEHIND
    safe = np.where(behind, 1.0, depth)
    columns = corners[:, :, 0] / safe * grid.focal + width / 2
    rows = height / 2 - corners[:, :, 1] / safe * grid.focal
    boxes = np.stack([rows.min(1), rows.max(1) + 1, columns.min(1), columns.max(1) + 1], axis=1)
    boxes[behind.any(1)] = (0, height, 0, width)
    boxes = np.clip(np.floor(boxes), 0, (height, height, width, width)).astype(int)
    boxes[behind.all(1)] = 0
    return boxes
