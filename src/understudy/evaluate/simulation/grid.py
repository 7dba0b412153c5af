"""episodes.mp4: the filmed episodes side by side, so that one look tells how a policy behaves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from understudy.core.files import write_atomically
from understudy.data.write.video import VideoWriter

MOST = 9


def write_grid(file: Path, videos: Sequence[Path], fps: int) -> bool:
    """Join the first of `videos`, all of one size, into one; each stays at its last picture until the longest is over.

    False, and nothing is written, when there are fewer than two. Raises DiskFull.
    """
    shown = [video for video in videos if video.is_file()][:MOST]
    if len(shown) < 2:
        return False
    streams = [_pictures(video) for video in shown]
    tiles = [next(stream) for stream in streams]
    height, width, _ = tiled(tiles).shape
    grid = VideoWriter((height, width), fps, "h264")
    running = set(range(len(tiles)))
    while running:
        grid.add(tiled(tiles))
        for place in sorted(running):
            picture = next(streams[place], None)
            if picture is None:
                running.discard(place)
            else:
                tiles[place] = picture
    write_atomically(file, grid.finish())
    return True


def tiled(tiles: Sequence[np.ndarray], background: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: pictures (h, w, 3), all of one size, in rows and columns, as square as their number allows.

    background   0..255: the grey of the places that are left over
    """
    columns = math.ceil(math.sqrt(len(tiles)))
    height, width, _ = tiles[0].shape
    canvas = np.full((math.ceil(len(tiles) / columns) * height, columns * width, 3), background, np.uint8)
    for place, tile in enumerate(tiles):
        y, x = place // columns * height, place % columns * width
        canvas[y : y + height, x : x + width] = tile
    return canvas


def _pictures(video: Path) -> Iterator[np.ndarray]:
    """The pictures of a video, one at a time: nine episodes of a minute would not fit into memory."""
    import av

    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
