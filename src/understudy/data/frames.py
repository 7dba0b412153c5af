"""Frames: the pictures of a dataset, decoded, to be gathered by row. Where they are held is planned first.

    plan = plan_frames(dataset, tier="auto")      # says where and why; writes nothing
    frames = open_frames(dataset, plan)           # decodes what is missing, with progress
    frames.gather("observation.images.top", rows) # uint8 (B, h, w, 3)

In the tiers `disk`, `ram` and `device` a gather is one indexing of one array; see frame_plan.py for the tiers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.core.cores import usable_cores

from .frame_build import complete_stores, decode_into_memory
from .frame_decode import DecodedFrames
from .frame_fill import places
from .frame_plan import TIERS, FramesPlan, plan_frames
from .frame_spec import Frames
from .joined_frames import JoinedFrames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .lerobot import Dataset

__all__ = ["TIERS", "ArrayFrames", "Frames", "FramesPlan", "open_frames", "plan_frames"]


class ArrayFrames:
    """Frames that lie in one array per camera, in memory or mapped from the disk.

    arrays      camera -> uint8 (n, h, w, 3)
    places      camera -> (rows,) int64, where each row of the dataset lies in its array; None: row i lies at i
    """

    def __init__(
        self, tier: str, reason: str, arrays: dict[str, np.ndarray], places: dict[str, np.ndarray] | None = None
    ) -> None:
        self.tier = tier
        self.reason = reason
        self._arrays = arrays
        self._places = places

    def gather(self, camera: str, rows: np.ndarray) -> np.ndarray:
        """The frames at `rows` (B,): uint8 (B, h, w, 3), in one copy."""
        at = rows if self._places is None else self._places[camera][rows]
        # `take` copies whole frames and releases the interpreter's lock meanwhile
        return np.take(self._arrays[camera], at, axis=0)

    def close(self) -> None:
        """Let go of the arrays."""
        self._arrays = {}


def open_frames(dataset: Dataset, plan: FramesPlan, *, workers: int | None = None) -> Frames:
    """Make the frames of all loaded episodes available as planned; decode what is not there yet.

    workers   decoding threads; None: one per processor
    Raises DataError for a video that cannot be read, DiskFull and ResourceError for a disk that does not serve. What
    was decoded before an error, an interrupt or a kill stays in the store, and the next call goes on from there.
    """
    workers = workers or usable_cores()
    if plan.tier == "device":
        return _on_device(dataset, plan, workers)
    return _joined(dataset, lambda part: _held(part, plan, workers))


def _joined(dataset: Dataset, held: Callable[[Dataset], Frames]) -> Frames:
    """The frames of a dataset or, of joined ones, of each by itself: what is decoded of one serves whoever reads it."""
    frames = [held(part.dataset) for part in dataset.parts]
    return JoinedFrames(dataset.parts, frames) if len(frames) > 1 else frames[0]


def _held(dataset: Dataset, plan: FramesPlan, workers: int) -> Frames:
    if plan.tier == "decode":
        return DecodedFrames(dataset, plan.reason, workers)
    if plan.tier == "ram":
        return ArrayFrames("ram", plan.reason, decode_into_memory(dataset, workers))
    assert plan.tier == "disk" and plan.cache is not None, plan
    return _stored(dataset, plan.reason, plan.cache, workers)


def _stored(dataset: Dataset, reason: str, cache: Path, workers: int) -> ArrayFrames:
    stores = complete_stores(dataset, cache, workers)
    arrays = {camera: store.array() for camera, store in stores.items()}
    where = {camera: places(dataset, store) for camera, store in stores.items()}
    return ArrayFrames("disk", reason, arrays, where)


def _on_device(dataset: Dataset, plan: FramesPlan, workers: int) -> Frames:
    from .frame_device import bring_over, decode_onto

    if plan.cache is None:
        return decode_onto(dataset, plan.reason, plan.device, workers)
    cache = plan.cache
    stored = _joined(dataset, lambda part: _stored(part, plan.reason, cache, workers))
    return bring_over(dataset, plan.reason, plan.device, stored)
