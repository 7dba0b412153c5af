"""Films: the frames of an episode as small JPEGs, decoded once from begin to end while somebody watches.

A video is fast to decode in order and slow to jump in. So an episode that is opened is decoded whole, in a thread of
its own, into pictures of a few kilobytes that the player shows in any order. A film that is not finished yet says how
far it is.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import ConfigError, UnderstudyError

from .dataset_list import DatasetList

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

# (frames of all cameras, width): the longer an episode, the smaller its pictures, so that it fits the memory
_WIDTHS = ((8_000, 400), (24_000, 240))
_NARROWEST = 160
_QUALITY = 80
# together: some twenty episodes of a minute with two cameras
_MOST_BYTES = 256_000_000
_MOST_FILMS = 40


class Film:
    """One episode of one dataset: for each camera its frames so far.

    error   what stopped it, in words; "" while all is well
    """

    def __init__(self, dataset: Dataset, position: int) -> None:
        self.length = dataset.episodes[position].length
        self.frames: dict[str, list[bytes]] = {camera: [] for camera in dataset.spec.cameras}
        self.error = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._decode, args=(dataset, position), daemon=True)
        self._thread.start()

    @property
    def ready(self) -> int:
        """Frames that every camera has."""
        return min((len(frames) for frames in self.frames.values()), default=self.length)

    @property
    def size(self) -> int:
        """Bytes of all frames so far."""
        return sum(len(frame) for frames in self.frames.values() for frame in frames)

    def stop(self) -> None:
        """Nobody watches any more: decode no further."""
        self._stopped.set()

    def frame(self, camera: str, number: int) -> bytes | None:
        """The JPEG of a frame; None where there is none, or not yet."""
        frames = self.frames.get(camera, [])
        return frames[number] if 0 <= number < len(frames) else None

    def _decode(self, dataset: Dataset, position: int) -> None:
        try:
            readers = {camera: dataset.read_frames(camera, position) for camera in self.frames}
            width = width_for(self.length * len(readers))
            for _ in range(self.length):
                for camera, reader in readers.items():
                    if self._stopped.is_set():
                        return
                    self.frames[camera].append(jpeg(next(reader), width))
        except UnderstudyError as error:
            self.error = str(error)
        except StopIteration:
            self.error = "the video ended before the episode"


class Films:
    """The films that are watched, and the last ones that were, within a bound of memory."""

    def __init__(self, datasets: DatasetList) -> None:
        self._datasets = datasets
        self._films: OrderedDict[tuple[Path, int], Film] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, dataset: Path, position: int) -> Film:
        """The film of the episode at `position`, decoding since now or before. Raises ConfigError, DataError."""
        # the player asks for every frame: a dataset is only opened for a film that is new
        loaded = None if (dataset, position) in self._films else self._datasets.load(dataset)
        if loaded is not None and not 0 <= position < len(loaded.episodes):
            raise ConfigError("there is no such episode", where=f"position {position} of {len(loaded.episodes):,}")
        with self._lock:
            film = self._films.pop((dataset, position), None) or Film(loaded or self._datasets.load(dataset), position)
            self._films[dataset, position] = film
            while len(self._films) > 1 and (len(self._films) > _MOST_FILMS or self._bytes() > _MOST_BYTES):
                self._films.popitem(last=False)[1].stop()
        return film

    def _bytes(self) -> int:
        return sum(film.size for film in self._films.values())


def width_for(frames: int) -> int:
    """How wide the pictures of a film of so many frames are."""
    return next((width for most, width in _WIDTHS if frames <= most), _NARROWEST)


def jpeg(picture: np.ndarray, width: int = _WIDTHS[0][1]) -> bytes:
    """A picture, uint8 (h, w, 3), as a JPEG at most `width` wide."""
    from PIL import Image

    image = Image.fromarray(picture)
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()
