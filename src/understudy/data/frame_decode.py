"""Frames decoded whenever they are drawn: for datasets that fit neither the disk nor the memory.

Each row of a gather is a task for a small pool of threads. Opening a file costs about as much as a frame, so some
decoders stay open between gathers, the least recently used ones being closed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import DataError

from .frame_build import frame_shape
from .video import OpenVideo

if TYPE_CHECKING:
    from .lerobot import Dataset

# a decoder of 640x480 video holds some ten megabytes
_OPEN_DECODERS = 32


class DecodedFrames:
    """The `decode` tier of Frames: same verbs, nothing kept."""

    tier = "decode"

    def __init__(self, dataset: Dataset, reason: str, workers: int) -> None:
        self.reason = reason
        self._dataset = dataset
        self._decoders = _Decoders(max(_OPEN_DECODERS, workers))
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")

    def gather(self, camera: str, rows: np.ndarray) -> np.ndarray:
        """The frames at `rows` (B,): uint8 (B, h, w, 3). Raises DataError naming file and frame."""
        shape = frame_shape(self._dataset, camera)
        frames = np.empty((len(rows), *shape), np.uint8)

        def fill(place: int) -> None:
            frames[place] = self._read(camera, int(rows[place]))

        list(self._pool.map(fill, range(len(rows))))
        return frames

    def close(self) -> None:
        """Stop the threads and close the decoders."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._decoders.close()

    def _read(self, camera: str, row: int) -> np.ndarray:
        episode = self._dataset.episodes[int(self._dataset.episode_of_row[row])]
        span = episode.videos.get(camera)
        if span is None:  # pictures in the table
            return self._dataset.read_frame(camera, row)
        height, width, _ = frame_shape(self._dataset, camera)
        try:
            with self._decoders.borrowed(span.path, (height, width)) as video:
                return video.frame(span.first_frame + row - episode.start)
        except DataError as error:
            error.where = f"episode {episode.index}, {camera}, {error.where}"
            raise


class _Decoders:
    """Open videos that nobody uses right now, at most `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: OrderedDict[int, OpenVideo] = OrderedDict()  # least recently used first
        self._guard = threading.Lock()

    @contextmanager
    def borrowed(self, path: Path, size: tuple[int, int]) -> Iterator[OpenVideo]:
        """A decoder of the file for this thread alone; put back afterwards unless it failed."""
        video = self._take(path) or OpenVideo(path, size)
        try:
            yield video
        except BaseException:
            video.close()
            raise
        self._put_back(video)

    def close(self) -> None:
        with self._guard:
            while self._idle:
                self._idle.popitem()[1].close()

    def _take(self, path: Path) -> OpenVideo | None:
        with self._guard:
            for key, video in reversed(self._idle.items()):
                if video.path == path:
                    return self._idle.pop(key)
        return None

    def _put_back(self, video: OpenVideo) -> None:
        with self._guard:
            self._idle[id(video)] = video
            while len(self._idle) > self._most:
                self._idle.popitem(last=False)[1].close()
