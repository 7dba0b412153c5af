"""RayRenderer: pictures of primitives by casting a ray through each pixel, in numpy alone.

What is unusual: solids are taken one by one, and only the pixels of a solid's screen rectangle are tested, all of
them in one array operation; a z-buffer keeps the nearest. What a resting camera sees of resting solids (most of
every picture) is drawn once and kept. Light is computed once per pixel, after it is known what the pixel shows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .camera import Camera, PixelGrid, pixel_grid
from .footprint import CORNERS, NEAR, screen_boxes
from .intersect import depth_of_entry
from .shading import SHADOW, Points, shade, sky
from .shadows import Ground, darkness, find_grounds, thrown_corners
from .solids import Solid, shading_table
from .textures import table_factor

LIGHT = np.array([-0.30, 0.42, 0.86])  # towards the light, in the world
_KEPT_LAYERS = 8  # resting cameras whose still parts are kept


@dataclass(frozen=True)
class View:
    """One picture to be drawn: the camera, the solids as it sees them.

    across    (n, 3, w) float32 } their sum is the direction of a pixel's ray in the frame of
    down      (n, 3, h) float32 } each solid; the last solid stands for the world itself
    origin    (n, 3) float32 the camera's place in the frame of each solid
    """

    camera: Camera
    grid: PixelGrid
    positions: np.ndarray
    rotations: np.ndarray
    across: np.ndarray
    down: np.ndarray
    origin: np.ndarray

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the world in the camera's frame."""
        moved: np.ndarray = (points - self.camera.position) @ self.camera.rotation
        return moved


@dataclass(frozen=True)
class Layer:
    """What is drawn of some solids: depth and number of the nearest (-1: none), colour, and what lies in shadow."""

    depth: np.ndarray  # (h, w) float32
    solid: np.ndarray  # (h, w) int32
    colour: np.ndarray  # (3, h, w) float32, not shadowed
    ground: np.ndarray  # (h, w) int32: index of the ground seen, -1 where none
    world: np.ndarray  # (2, h, w) float32: x and y of the ground seen
    shadow: np.ndarray  # (h, w) float32: 0 in the light, 1 in full shadow


class RayRenderer:
    """Draws the same solids again and again, wherever they have moved. Not thread-safe."""

    def __init__(self, solids: Sequence[Solid], light: np.ndarray = LIGHT) -> None:
        self.solids = list(solids)
        self._light = light / np.linalg.norm(light)
        self._table = shading_table(self.solids)
        self._extents = np.array([solid.extents for solid in self.solids]).reshape(-1, 3)
        self._fixed = [i for i, solid in enumerate(self.solids) if solid.fixed]
        self._moving = [i for i, solid in enumerate(self.solids) if not solid.fixed]
        self._layers: OrderedDict[bytes, tuple[Layer, list[Ground]]] = OrderedDict()

    def render(
        self,
        positions: np.ndarray,
        rotations: np.ndarray,
        camera: Camera,
        width: int,
        height: int,
        samples: int = 1,
    ) -> np.ndarray:
        """(height, width, 3) uint8.

        positions   (n, 3) metres, one per solid
        rotations   (n, 3, 3) solid to world
        samples     rays a pixel is the mean of, in x and in y: 2 is four times the work and has smooth edges
        """
        with np.errstate(all="ignore"):
            colour = self._draw(_view(positions, rotations, camera, width * samples, height * samples))
        if samples > 1:
            colour = colour.reshape(3, height, samples, width, samples).mean(axis=(2, 4))
        colour *= 255
        np.clip(colour, 0, 255, out=colour)
        return np.ascontiguousarray((colour + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0))

    def _draw(self, view: View) -> np.ndarray:
        still, grounds = self._still_layer(view)
        depth, solid, shadow = still.depth.copy(), still.solid.copy(), still.shadow.copy()
        corners = self._corners(view)
        self._cover(view, corners, self._moving, depth, solid)
        self._darken(view, corners, self._moving, grounds, still, shadow)
        colour = still.colour * (1 - np.float32(SHADOW) * shadow)
        changed = np.flatnonzero(solid != still.solid)
        colour.reshape(3, -1)[:, changed] = self._shade(view, depth, solid, changed)
        return colour

    def _still_layer(self, view: View) -> tuple[Layer, list[Ground]]:
        """What the camera sees of the fixed solids: kept for as long as neither it nor they move."""
        fixed = self._fixed
        key = b"".join(
            np.ascontiguousarray(part).tobytes()
            for part in (
                view.camera.position,
                view.camera.rotation,
                [view.camera.fovy, len(view.grid.right), len(view.grid.up)],
                view.positions[fixed],
                view.rotations[fixed],
            )
        )
        if key in self._layers:
            self._layers.move_to_end(key)
            return self._layers[key]
        self._layers[key] = self._draw_still(view)
        if len(self._layers) > _KEPT_LAYERS:
            self._layers.popitem(last=False)
        return self._layers[key]

    def _draw_still(self, view: View) -> tuple[Layer, list[Ground]]:
        shape = (len(view.grid.up), len(view.grid.right))
        depth, solid = np.full(shape, np.inf, np.float32), np.full(shape, -1, np.int32)
        corners = self._corners(view)
        self._cover(view, corners, self._fixed, depth, solid)
        directions = view.down[-1][:, :, None] + view.across[-1][:, None, :]
        colour = sky(directions)
        seen = np.flatnonzero(solid >= 0)
        colour.reshape(3, -1)[:, seen] = self._shade(view, depth, solid, seen)
        grounds = find_grounds(self.solids, view.positions, view.rotations)
        ground = np.full(shape, -1, np.int32)
        world = view.origin[-1][:, None, None] + depth * directions
        for number, place in enumerate(grounds):
            ground[(solid == place.solid) & (np.abs(world[2] - place.height) < 1e-4)] = number
        layer = Layer(depth, solid, colour, ground, world[:2].copy(), np.zeros(shape, np.float32))
        self._darken(view, corners, self._fixed, grounds, layer, layer.shadow)
        return layer, grounds

    def _corners(self, view: View) -> np.ndarray:
        """(n, 8, 3) corners of the solids' bounding boxes, in the world."""
        spread = CORNERS * self._extents[:, None, :]
        return spread @ view.rotations.transpose(0, 2, 1) + view.positions[:, None, :]

    def _cover(
        self, view: View, corners: np.ndarray, which: Iterable[int], depth: np.ndarray, solid: np.ndarray
    ) -> None:
        """Enter the solids `which` into the z-buffer."""
        boxes = screen_boxes(view.to_camera(corners), view.grid).tolist()
        for index in which:
            top, bottom, left, right = boxes[index]
            if top >= bottom or left >= right:
                continue
            rays = view.down[index][:, top:bottom, None] + view.across[index][:, None, left:right]
            entry = depth_of_entry(self.solids[index], view.origin[index], rays.reshape(3, -1))
            entry = entry.reshape(rays.shape[1:])
            window = depth[top:bottom, left:right]
            nearer = (entry > NEAR) & (entry < window)
            np.copyto(window, entry, where=nearer)
            np.copyto(solid[top:bottom, left:right], index, where=nearer)

    def _darken(
        self,
        view: View,
        corners: np.ndarray,
        which: Iterable[int],
        grounds: list[Ground],
        layer: Layer,
        shadow: np.ndarray,
    ) -> None:
        """Let the solids `which` throw shadows on the grounds."""
        for number, ground in enumerate(grounds):
            visible = layer.ground == number
            if not visible.any():
                continue
            thrown = thrown_corners(corners, ground.height, self._light)
            boxes = screen_boxes(view.to_camera(thrown), view.grid).tolist()
            tops = corners[:, :, 2].max(axis=1) > ground.height + 1e-5
            for index in which:
                top, bottom, left, right = boxes[index]
                if index == ground.solid or not tops[index] or top >= bottom or left >= right:
                    continue
                turn = view.rotations[index].T
                start = turn @ (np.array([0, 0, ground.height]) - view.positions[index])
                here = layer.world[:, top:bottom, left:right].reshape(2, -1)
                origins = turn[:, :2].astype(np.float32) @ here + start.astype(np.float32)[:, None]
                height = float(view.positions[index][2]) - ground.height
                dark = darkness(self.solids[index], origins, (turn @ self._light).astype(np.float32), height)
                dark = np.minimum(dark, 1).reshape(bottom - top, right - left)
                window = shadow[top:bottom, left:right]
                np.copyto(window, dark, where=visible[top:bottom, left:right] & (dark > window))

    def _shade(self, view: View, depth: np.ndarray, solid: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """(3, N) colours of the pixels with these flat indices."""
        rows, columns = np.divmod(pixels, depth.shape[1])
        which, far = solid.reshape(-1)[pixels], depth.reshape(-1)[pixels]
        directions = view.down[-1][:, rows] + view.across[-1][:, columns]
        world = view.origin[-1][:, None] + far * directions
        rotations = view.rotations.astype(np.float32)
        offset = world - view.positions.T.astype(np.float32)[:, which]
        local = np.einsum("nji,jn->in", rotations[which], offset)
        toward = directions / -np.sqrt((directions * directions).sum(axis=0))
        points = Points(which, world, local, toward)
        colour = shade(points, self._table, rotations, self._light.astype(np.float32))
        for index, one in enumerate(self.solids):
            if one.texture == "table":
                mine = np.flatnonzero(which == index)
                if len(mine):
                    footprint = float(np.median(far[mine])) / view.grid.focal
                    colour[:, mine] *= table_factor(local[0, mine], local[1, mine], footprint)
        return colour


def _view(positions: np.ndarray, rotations: np.ndarray, camera: Camera, width: int, height: int) -> View:
    grid = pixel_grid(width, height, camera.fovy)
    position, rotation = np.asarray(camera.position, np.float64), np.asarray(camera.rotation, np.float64)
    frames = np.concatenate([np.asarray(rotations, np.float64).reshape(-1, 3, 3), np.eye(3)[None]])
    places = np.concatenate([np.asarray(positions, np.float64).reshape(-1, 3), np.zeros((1, 3))])
    inverse = frames.transpose(0, 2, 1)
    turn = (inverse @ rotation).astype(np.float32)
    origin = (inverse @ (position - places)[:, :, None])[:, :, 0].astype(np.float32)
    across = turn[:, :, 0, None] * grid.right
    down = turn[:, :, 1, None] * grid.up - turn[:, :, 2, None]
    return View(Camera(position, rotation, camera.fovy), grid, places[:-1], frames[:-1], across, down, origin)
