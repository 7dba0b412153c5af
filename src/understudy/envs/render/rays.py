"""RayRenderer: pictures of primitives by casting a ray through each pixel, in numpy alone.

What is unusual: solids are taken one by one, and only the pixels of a solid's screen rectangle are tested, all of
them in one array operation; a z-buffer keeps the nearest. What a resting camera sees of resting solids (most of
every picture) is drawn once and kept. Light is computed once per pixel, after it is known what the pixel shows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .camera import Camera
from .shading import finish_of, shade, shade_level, sky
from .shadows import Ground, darken, find_grounds, find_tops
from .solids import Solid
from .view import View, cover, make_view

LIGHT = (0.22, 0.42, 0.88)  # towards the light, in the world
SHADOW = 0.42  # share of a level surface's light that a full shadow takes away
_FAR = np.float32(1e6)  # metres
_REMEMBERED = 6  # the latest views: if one of them is asked for again, its still layer is kept


@dataclass(frozen=True)
class Layer:
    """What a camera sees of the resting solids: nearest depth, its solid (-1: none), colour, and their shadows."""

    depth: np.ndarray  # (h, w) float32, metres
    number: np.ndarray  # (h, w) int16
    colour: np.ndarray  # (3, h, w) float32, without shadows
    shadow: np.ndarray  # (h, w) float32: 0 in the light, 1 in full shadow
    grounds: list[Ground]


class RayRenderer:
    """Draws the same solids again and again, wherever they have moved. Not thread-safe."""

    def __init__(self, solids: Sequence[Solid], light: tuple[float, float, float] = LIGHT) -> None:
        self.solids = list(solids)
        self._light = np.array(light) / np.linalg.norm(light)
        self._finishes = [finish_of(solid) for solid in self.solids]
        self._fixed = [i for i, solid in enumerate(self.solids) if solid.fixed]
        self._moving = [i for i, solid in enumerate(self.solids) if not solid.fixed]
        self._layers: OrderedDict[bytes, Layer | None] = OrderedDict()

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
        samples     rays a pixel is the mean of, in x and in y: 2 is four rays a pixel and gives smooth edges
        """
        view = make_view(self.solids, positions, rotations, camera, width * samples, height * samples)
        with np.errstate(all="ignore"):
            colour = self._draw(view)
            if samples > 1:
                parts = [colour[:, i::samples, j::samples] for i in range(samples) for j in range(samples)]
                colour = sum(parts[1:], start=parts[0]) * np.float32(1 / len(parts))
            levels = np.minimum(colour * np.float32(255) + np.float32(0.5), 255).astype(np.uint8)
        return np.ascontiguousarray(levels.transpose(1, 2, 0))

    def _draw(self, view: View) -> np.ndarray:
        """(3, h, w) float32."""
        still = self._still(view)
        depth, number, shadow = still.depth.copy(), still.number.copy(), still.shadow.copy()
        cover(view, self.solids, self._moving, depth, number)
        darken(view, self.solids, self._moving, still.grounds, self._light, shadow)
        colour = still.colour * (1 - np.float32(SHADOW) * shadow)
        pixels = np.flatnonzero(number != still.number)
        shade(view, self._finishes, self._light, depth, number, pixels, colour)
        return colour

    def _still(self, view: View) -> Layer:
        """The resting solids: drawn anew when the camera or one of them has moved.

        A layer is kept from the second time on: that of a camera on a moving hand is never asked for again.
        """
        numbers = (
            view.camera.position,
            view.camera.rotation,
            np.array([view.camera.fovy, *view.shape]),
            view.positions[self._fixed],
            view.rotations[self._fixed],
        )
        key = b"".join(part.tobytes() for part in numbers)
        if key in self._layers:
            self._layers.move_to_end(key)
        else:
            self._layers[key] = None
            if len(self._layers) > _REMEMBERED:
                self._layers.popitem(last=False)
            return self._draw_still(view)
        layer = self._layers[key] or self._draw_still(view)
        self._layers[key] = layer
        return layer

    def _draw_still(self, view: View) -> Layer:
        depth, number = np.full(view.shape, np.inf, np.float32), np.full(view.shape, -1, np.int16)
        cover(view, self.solids, self._fixed, depth, number)
        empty = bool((number < 0).any())
        colour = sky(view.directions, view.grid.shortening) if empty else np.empty((3, *view.shape), np.float32)
        tops = find_tops(self.solids, view.positions, view.rotations)
        # where nothing is seen a ray ends far away, not at infinity: shadows are computed there too, and then dropped
        ends = view.origin[-1][:, None, None] + np.minimum(depth, _FAR) * view.directions
        grounds = find_grounds(tops, ends, number)
        other = number >= 0
        for ground in grounds:
            self._draw_level(view, ground, depth, colour)
            other &= ground.seen == 0
        pixels = np.flatnonzero(other)
        shade(view, self._finishes, self._light, depth, number, pixels, colour)
        shadow = np.zeros(view.shape, np.float32)
        darken(view, self.solids, self._fixed, grounds, self._light, shadow)
        return Layer(depth, number, colour, shadow, grounds)

    def _draw_level(self, view: View, ground: Ground, depth: np.ndarray, colour: np.ndarray) -> None:
        """Colour a level top, which covers most of many pictures."""
        index = ground.top.solid
        window = (slice(None), slice(*ground.box[:2]), slice(*ground.box[2:]))
        seen = ground.seen[window[1:]] > 0
        far = float(depth[window[1:]][seen][::16].mean())
        light = self._light.astype(np.float32)
        level = shade_level(view, self._finishes[index], index, light, far, ground.box, ground.place[window])
        np.copyto(colour[window], level, where=seen)
