"""What a policy makes of each frame with weights that training does not change: computed once, kept beside the frames.

    <cache>/seen/<fingerprint>/<identity>/<entry>/
      seen.bin         the numbers of each frame, in the order in which episodes were finished
      store.json, episodes.jsonl      as in the frame store (frame_store.py), whose mechanisms these are

`identity` names the weights, the options and the device that decide what is seen; see `Prefix` in the policies. So what
other weights saw is never taken for it. torch's bfloat16, which numpy does not know, is kept as its 16 bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from .joined_frames import Gather, gather_by_part
from .store_key import StoreKey, Told

if TYPE_CHECKING:
    from .dataset_files import Part
    from .lerobot import Dataset

# frames that are looked at together: always the same ones, wherever a build was stopped
FRAMES_AT_ONCE = 8
_NUMBERS: dict[str, np.dtype] = {"float32": np.dtype(np.float32), "bfloat16": np.dtype(np.int16)}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_ELSEWHERE = "name another folder in UNDERSTUDY_CACHE, or go without with --prefix_cache=off"

# entry, rows (B,) of the dataset -> what the policy makes of them, (B, tokens, width) on any device
Look = Callable[[str, np.ndarray], Tensor]


@dataclass(frozen=True)
class SeenKey(StoreKey):
    """What a policy makes of each frame: `tokens` vectors of `width` numbers. `camera` is the entry's name."""

    identity: str
    tokens: int
    width: int
    dtype: str

    file_name: ClassVar[str] = "seen.bin"
    told: ClassVar[Told] = Told("the prefix cache", "results", "looking at", _ELSEWHERE)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tokens, self.width

    @property
    def number(self) -> np.dtype:
        return _NUMBERS[self.dtype]

    def all_cameras(self, cache: Path) -> Path:
        return cache / "seen" / self.fingerprint / self.identity


def seen_key(dataset: Dataset, entry: str, identity: str, example: Tensor) -> SeenKey:
    """The key for an entry.

    identity   of the weights and all else that decides
    example    what it is for some frames, (B, tokens, width), float32 or bfloat16
    """
    _, tokens, width = example.shape
    dtype = str(example.dtype).removeprefix("torch.")
    return SeenKey(dataset.fingerprint, entry, identity, tokens, width, dtype)


class SeenStores:
    """The stores of all entries of a prefix, complete or not. Making one writes nothing."""

    def __init__(self, dataset: Dataset, cache: Path, keys: Callable[[Dataset], Mapping[str, SeenKey]]) -> None:
        """keys   of the entries, for a part of the dataset"""
        self._rows = dataset.num_rows
        self._cache = cache
        self._parts = [
            (part, {entry: FrameStore(cache, key) for entry, key in keys(part.dataset).items()})
            for part in dataset.parts
        ]

    @property
    def folder(self) -> Path:
        """Where they lie."""
        own = next(iter(self._first.values())).key.all_cameras(self._cache)
        return own if len(self._parts) == 1 else own.parent.parent

    @property
    def entries(self) -> int:
        """How many there are for each frame."""
        return len(self._first)

    @property
    def frame_bytes(self) -> int:
        """Size of all entries of a frame."""
        return sum(store.key.frame_bytes for store in self._first.values())

    @property
    def bytes(self) -> int:
        """Size of all entries of all frames, there or not."""
        return self._rows * self.frame_bytes

    @property
    def frames_to_see(self) -> int:
        """Frames (of all entries) that have yet to be looked at."""
        return sum(_missing(part.dataset, store) for part, stores in self._parts for store in stores.values())

    @property
    def bytes_to_write(self) -> int:
        """What they will take on the disk."""
        return sum(
            _missing(part.dataset, store) * store.key.frame_bytes
            for part, stores in self._parts
            for store in stores.values()
        )

    @property
    def usable_bytes(self) -> int:
        """What may be written to that disk."""
        return max(0, usable_disk_bytes(self._cache))

    @property
    def _first(self) -> dict[str, FrameStore]:
        return self._parts[0][1]

    def complete(self, look: Look) -> SeenFrames:
        """Look at what is missing or damaged, with progress; what was finished before an error or a kill stays.

        Raises DiskFull, ResourceError, and what `look` raises.
        """
        for part, stores in self._parts:
            fill(part.dataset, self._cache, stores, partial(_see, part, stores, look))
        return SeenFrames(self._parts)


def _missing(dataset: Dataset, store: FrameStore) -> int:
    return sum(dataset.episodes[position].length for position in missing_episodes(dataset, store))


def _see(part: Part, stores: Mapping[str, FrameStore], look: Look) -> None:
    total, began = sum(_missing(part.dataset, store) for store in stores.values()), time.monotonic()
    if not total:
        return
    with progress("looking", total, "frames") as advance:
        for entry, store in stores.items():
            for position in missing_episodes(part.dataset, store):
                episode = part.dataset.episodes[position]
                rows = part.first_row + episode.start + np.arange(episode.length)
                store.write(episode.index, episode.length, _seen(look, entry, rows, advance))
    seconds = time.monotonic() - began
    say(f"looked at {total:,} frames in {readable_duration(seconds)}, {total / seconds:.1f} frames/s")


class SeenFrames:
    """What a policy has made of the loaded episodes, to be gathered by row. Safe for several threads."""

    def __init__(self, parts: Sequence[tuple[Part, Mapping[str, FrameStore]]]) -> None:
        """parts   each with the complete stores of its entries"""
        self._parts = [part for part, _ in parts]
        first = parts[0][1]
        self._gathers = {entry: [_gather_of(part.dataset, stores[entry]) for part, stores in parts] for entry in first}
        self._dtypes = {e: _DTYPES[store.key.dtype] for e, store in first.items() if isinstance(store.key, SeenKey)}

    @property
    def names(self) -> list[str]:
        """The entries."""
        return list(self._gathers)

    def gather(self, entry: str, rows: np.ndarray) -> Tensor:
        """An entry for the frames at `rows` (B,) of the loaded dataset: (B, tokens, width), a tensor of its own."""
        numbers = gather_by_part(self._parts, self._gathers[entry], rows)
        return torch.from_numpy(numbers).view(self._dtypes[entry])


def _gather_of(dataset: Dataset, store: FrameStore) -> Gather:
    array, at = store.array(), places(dataset, store)
    return lambda rows: np.take(array, at[rows], axis=0)


def _seen(look: Look, entry: str, rows: np.ndarray, advance: Advance) -> Iterator[np.ndarray]:
    """What is seen in the frames of an episode, one after another."""
    for first in range(0, len(rows), FRAMES_AT_ONCE):
        seen = look(entry, rows[first : first + FRAMES_AT_ONCE]).detach().cpu().contiguous()
        yield from (seen.view(torch.int16) if seen.dtype is torch.bfloat16 else seen).numpy()
        advance(len(seen))
