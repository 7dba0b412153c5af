"""Frames on the accelerator: all of them, one uint8 tensor per camera, so that a gather is one indexing there.

Nothing travels to the device while training but row numbers. They are brought there once, at the start, out of the
frame store; where the disk has no room for one they are decoded straight onto the device, at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from understudy.core.errors import OutOfMemory
from understudy.core.units import readable_bytes

from .frame_build import decode_all, frame_shape

if TYPE_CHECKING:
    from .frame_spec import Frames
    from .lerobot import Dataset

# frames brought over at once: bounds the memory, 64 frames of 640x480 are 59 MB
_FRAMES_AT_ONCE = 64


class DeviceFrames:
    """The `device` tier of Frames: camera -> uint8 (rows, h, w, 3) on the device."""

    tier = "device"

    def __init__(self, reason: str, tensors: dict[str, Tensor]) -> None:
        self.reason = reason
        self._tensors = tensors

    def tensor(self, camera: str, rows: np.ndarray) -> Tensor:
        """The frames at `rows` (B,): uint8 (B, h, w, 3), on the device; on CUDA without waiting for them."""
        held = self._tensors[camera]
        at = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64))
        return held.index_select(0, at.to(held.device, non_blocking=held.is_cuda))

    def gather(self, camera: str, rows: np.ndarray) -> np.ndarray:
        """The same on the host, for what is computed there."""
        frames: np.ndarray = self.tensor(camera, rows).cpu().numpy()
        return frames

    def close(self) -> None:
        """Free the memory of the device."""
        self._tensors = {}


def bring_over(dataset: Dataset, reason: str, device: str, stored: Frames) -> DeviceFrames:
    """The frames of an open store, copied to the device. Raises OutOfMemory."""
    tensors = _room_for(dataset, device)
    for camera, tensor in tensors.items():
        for first in range(0, dataset.num_rows, _FRAMES_AT_ONCE):
            rows = np.arange(first, min(first + _FRAMES_AT_ONCE, dataset.num_rows))
            tensor[first : first + len(rows)] = torch.from_numpy(stored.gather(camera, rows))
    stored.close()
    return _ready(reason, tensors, device)


def decode_onto(dataset: Dataset, reason: str, device: str, workers: int) -> DeviceFrames:
    """The frames of the loaded episodes, decoded onto the device. Raises DataError, OutOfMemory."""
    tensors = _room_for(dataset, device)

    def put(camera: str, row: int, frame: np.ndarray) -> None:
        tensors[camera][row] = torch.from_numpy(frame)

    decode_all(dataset, workers, put)
    return _ready(reason, tensors, device)


def _room_for(dataset: Dataset, device: str) -> dict[str, Tensor]:
    shapes = {camera: (dataset.num_rows, *frame_shape(dataset, camera)) for camera in dataset.spec.cameras}
    try:
        return {camera: torch.empty(shape, dtype=torch.uint8, device=device) for camera, shape in shapes.items()}
    except torch.OutOfMemoryError as error:
        needed = sum(int(np.prod(shape)) for shape in shapes.values())
        raise OutOfMemory(
            f"the decoded frames do not fit the memory of {device}: they take {readable_bytes(needed)}",
            where="--dataset.frames=device",
            hint="another program may use the device too; leave the frames on the disk with --dataset.frames=disk",
        ) from error


def _ready(reason: str, tensors: dict[str, Tensor], device: str) -> DeviceFrames:
    if torch.device(device).type == "cuda":
        # they are read in other streams than the one they were written in
        torch.cuda.synchronize(device)
    return DeviceFrames(reason, tensors)
