"""What a frame store holds, where it lies, and how people are told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import numpy as np

# the ways out of a disk that does not serve
ELSEWHERE = "name another folder in UNDERSTUDY_CACHE, or decode while training with --dataset.frames=decode"


@dataclass(frozen=True)
class Told:
    """How people are told of a store.

    store       "<store> cannot be used"
    content     "stored <content> of the camera"
    making      "<making> this dataset", "<making> them again"
    elsewhere   the ways out of a disk that does not serve
    """

    store: str
    content: str
    making: str
    elsewhere: str


@dataclass(frozen=True)
class StoreKey:
    """What a store holds; stores with different keys never mix. Subclasses say what it is, and how people call it."""

    file_name: ClassVar[str]
    told: ClassVar[Told]

    fingerprint: str
    camera: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what is stored of one frame."""
        raise NotImplementedError

    @property
    def number(self) -> np.dtype:
        """Type of its numbers."""
        raise NotImplementedError

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return math.prod(self.shape) * self.number.itemsize

    def all_cameras(self, cache: Path) -> Path:
        """The folder that holds the stores of all cameras, and their lock."""
        raise NotImplementedError

    def folder(self, cache: Path) -> Path:
        """Where this store lives below the cache folder."""
        return self.all_cameras(cache) / quote(self.camera, safe="")


@dataclass(frozen=True)
class FrameKey(StoreKey):
    """The decoded frames of a camera."""

    file_name: ClassVar[str] = "frames.rgb"
    told: ClassVar[Told] = Told("the frame store", "frames", "decoding", ELSEWHERE)

    height: int
    width: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.height, self.width, 3

    @property
    def number(self) -> np.dtype:
        return np.dtype(np.uint8)

    def all_cameras(self, cache: Path) -> Path:
        return dataset_folder(cache, self.fingerprint)


def dataset_folder(cache: Path, fingerprint: str) -> Path:
    """The folder that holds the stores of all cameras of one dataset, and their lock."""
    return cache / "frames" / fingerprint
