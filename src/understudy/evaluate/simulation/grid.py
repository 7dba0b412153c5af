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
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)
    streams = [_pictures(video) for video in shown]
    tiles = [next(stream) for stream in streams]
    height, width, _ = tiles[0].shape
    grid = VideoWriter((rows * height, columns * width), fps, "h264")
    canvas = np.zeros((rows * height, columns * width, 3), np.uint8)
    running = set(range(len(tiles)))
    while running:
        for place, tile in enumerate(tiles):
            y, x = place // columns * height, place % columns * width
            canvas[y : y + height, x : x + width] = tile
        grid.add(canvas)
        for place in sorted(running):
            picture = next(streams[place], None)
            if picture is None:
                running.discard(place)
            else:
                tiles[place] = picture
    write_atomically(file, grid.finish())
    return True


def _pictures(video: Path) -> Iterator[np.ndarray]:
    """The pictures of a video, one at a time: nine episodes of a minute would not fit into memory."""
    import av

    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
