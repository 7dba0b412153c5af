"""Which pixels a solid can cover: the screen rectangle around the corners of its bounding box."""

from __future__ import annotations

import itertools

import numpy as np

from .camera import PixelGrid

_BEHIND = 1e-3  # metres before the camera: what is nearer has no place on the screen
CORNERS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))  # (8, 3)
_EDGES = np.array([(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit])  # (12, 2): corner, corner

Box = tuple[int, int, int, int]  # first row, last row + 1, first column, last column + 1


def screen_boxes(corners: np.ndarray, grid: PixelGrid) -> np.ndarray:
    """(n, 4) int: the `Box` of each solid, empty where it is out of view.

    corners   (n, 8, 3) float64 in the order of CORNERS, in the camera's frame, metres

    Of a solid that is partly behind the camera only the part before it counts: its corners there, and where its
    edges come from behind.
    """
    height, width = len(grid.up), len(grid.right)
    if (corners[:, :, 2] > -_BEHIND).any():
        corners = np.concatenate([corners, _crossings(corners)], axis=1)
    before = corners[:, :, 2:] <= -_BEHIND
    with np.errstate(divide="ignore", invalid="ignore"):
        screen = corners[:, :, :2] * ((grid.focal, -grid.focal) / -corners[:, :, 2:]) + (width / 2, height / 2)
    first = np.where(before, screen, np.inf).min(axis=1)
    last = np.where(before, screen, -np.inf).max(axis=1) + 1  # of one that is all behind: before the first
    edges = np.minimum(np.maximum(np.concatenate([first, last], axis=1), 0), (width, height, width, height))
    return np.asarray(edges[:, [1, 3, 0, 2]].astype(int))  # as none is negative, this rounds down


def _crossings(corners: np.ndarray) -> np.ndarray:
    """(n, 12, 3) where the edges pass the plane just before the camera; behind the camera for edges that do not."""
    start, end = corners[:, _EDGES[:, 0]], corners[:, _EDGES[:, 1]]
    depth = -start[:, :, 2:] - _BEHIND
    share = depth / (depth + end[:, :, 2:] + _BEHIND)
    points = start + share * (end - start)
    points[:, :, 2] = np.where((share[:, :, 0] > 0) & (share[:, :, 0] < 1), -_BEHIND, np.inf)
    return np.asarray(points)
