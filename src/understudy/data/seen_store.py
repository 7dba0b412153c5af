"""What a policy makes of each frame with weights that training does not change: computed once, kept beside the frames.

    <cache>/seen/<fingerprint>/<identity>/<camera>/
      seen.bin         the numbers of each frame, in the order in which episodes were finished
      store.json, episodes.jsonl      as in the frame store (frame_store.py), whose mechanisms these are

`identity` names the weights, the options and the device that decide what is seen; see `Sight` in the policies. So what
other weights saw is never taken for it. torch's bfloat16, which numpy does not know, is kept as its 16 bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from understudy.core.log import Advance, progress, say
from understudy.core.units import readable_duration

from .frame_fill import fill, missing_episodes, places
from .frame_plan import usable_disk_bytes
from .frame_store import FrameStore
from .store_key import StoreKey, Told

if TYPE_CHECKING:
    from .lerobot import Dataset

# frames that are looked at together: always the same ones, wherever a build was stopped
FRAMES_AT_ONCE = 8
_NUMBERS: dict[str, np.dtype] = {"float32": np.dtype(np.float32), "bfloat16": np.dtype(np.int16)}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_ELSEWHERE = "name another folder in UNDERSTUDY_CACHE, or go without with --prefix_cache=off"

# camera, rows (B,) of the dataset -> what the policy sees, (B, tokens, width) on any device
Look = Callable[[str, np.ndarray], Tensor]


@dataclass(frozen=True)
class SeenKey(StoreKey):
    """What a policy sees in the frames of a camera: `tokens` vectors of `width` numbers each."""

    identity: str
    tokens: int
    width: int
    dtype: str

    file_name: ClassVar[str] = "seen.bin"
    told: ClassVar[Told] = Told("the store of vision features", "vision features", "looking at", _ELSEWHERE)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tokens, self.width

    @property
    def number(self) -> np.dtype:
        return _NUMBERS[self.dtype]

    def all_cameras(self, cache: Path) -> Path:
        return cache / "seen" / self.fingerprint / self.identity


def seen_key(dataset: Dataset, camera: str, identity: str, example: Tensor) -> SeenKey:
    """The key for what is seen in a camera.

    identity   of the weights and all else that decides
    example    what is seen in some frames, (B, tokens, width), float32 or bfloat16
    """
    _, tokens, width = example.shape
    dtype = str(example.dtype).removeprefix("torch.")
    return SeenKey(dataset.fingerprint, dataset.declared_name(camera), identity, tokens, width, dtype)


class SeenStores:
    """The stores of all cameras of a policy, complete or not. Making one writes nothing."""

    def __init__(self, dataset: Dataset, cache: Path, keys: Mapping[str, SeenKey]) -> None:
        self._dataset = dataset
        self._cache = cache
        self._stores = {camera: FrameStore(cache, key) for camera, key in keys.items()}

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return next(iter(self._stores.values())).key.all_cameras(self._cache)

    @property
    def cameras(self) -> int:
        """How many cameras are looked at."""
        return len(self._stores)

    @property
    def bytes(self) -> int:
        """Size of what is seen in all frames, there or not."""
        return sum(self._dataset.num_rows * store.key.frame_bytes for store in self._stores.values())

    @property
    def frames_to_see(self) -> int:
        """Frames (of all cameras) that have yet to be looked at."""
        return sum(self._missing(store) for store in self._stores.values())

    @property
    def bytes_to_write(self) -> int:
        """What they will take on the disk."""
        return sum(self._missing(store) * store.key.frame_bytes for store in self._stores.values())

    @property
    def usable_bytes(self) -> int:
        """What may be written to that disk."""
        return max(0, usable_disk_bytes(self._cache))

    def _missing(self, store: FrameStore) -> int:
        return sum(self._dataset.episodes[position].length for position in missing_episodes(self._dataset, store))

    def complete(self, look: Look) -> SeenFrames:
        """Look at what is missing or damaged, with progress; what was finished before an error or a kill stays.

        Raises DiskFull, ResourceError, and what `look` raises.
        """
        fill(self._dataset, self._cache, self._stores, lambda: self._see(look))
        return SeenFrames(self._dataset, self._stores)

    def _see(self, look: Look) -> None:
        total, began = self.frames_to_see, time.monotonic()
        if not total:
            return
        with progress("looking", total, "frames") as advance:
            for camera, store in self._stores.items():
                for position in missing_episodes(self._dataset, store):
                    episode = self._dataset.episodes[position]
                    rows = np.arange(episode.start, episode.start + episode.length)
                    store.write(episode.index, episode.length, _seen(look, camera, rows, advance))
        seconds = time.monotonic() - began
        say(f"looked at {total:,} frames in {readable_duration(seconds)}, {total / seconds:.1f} frames/s")


class SeenFrames:
    """What a policy sees in the loaded episodes, to be gathered by row. Safe for several threads."""

    def __init__(self, dataset: Dataset, stores: Mapping[str, FrameStore]) -> None:
        self._arrays = {camera: store.array() for camera, store in stores.items()}
        self._places = {camera: places(dataset, store) for camera, store in stores.items()}
        self._dtypes = {
            camera: _DTYPES[store.key.dtype] for camera, store in stores.items() if isinstance(store.key, SeenKey)
        }

    def __contains__(self, camera: object) -> bool:
        return camera in self._arrays

    def gather(self, camera: str, rows: np.ndarray) -> Tensor:
        """What is seen in the frames at `rows` (B,) of the loaded dataset: (B, tokens, width), a tensor of its own."""
        numbers = np.take(self._arrays[camera], self._places[camera][rows], axis=0)
        return torch.from_numpy(numbers).view(self._dtypes[camera])


def _seen(look: Look, camera: str, rows: np.ndarray, advance: Advance) -> Iterator[np.ndarray]:
    """What is seen in the frames of an episode, one after another."""
    for first in range(0, len(rows), FRAMES_AT_ONCE):
        seen = look(camera, rows[first : first + FRAMES_AT_ONCE]).detach().cpu().contiguous()
        yield from (seen.view(torch.int16) if seen.dtype is torch.bfloat16 else seen).numpy()
        advance(len(seen))
