"""Where the decoded frames will be kept, decided before anything is written, with the numbers that decided it.

device   on the accelerator, one tensor per camera, copied there at the start of every run (frame_device.py)
disk     the frame store: decoded once, then read through the page cache (frame_store.py)
ram      decoded at the start of every run into one array per camera
decode   decoded again whenever a frame is drawn: works always, costs a processor
"""

from __future__ import annotations

import itertools
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from understudy.core.errors import ConfigError, DiskFull, OutOfMemory
from understudy.core.files import cache_folder, existing_parent, free_bytes
from understudy.core.log import warn
from understudy.core.units import readable_bytes

from .frame_build import store_key
from .frame_fill import missing_episodes
from .frame_store import FrameStore
from .store_key import ELSEWHERE, dataset_folder

if TYPE_CHECKING:
    from .lerobot import Dataset

TIERS = ("auto", "device", "disk", "ram", "decode")
# left free on the disk: checkpoints and everything else on it need room too
_SPARE_DISK_BYTES = 2_000_000_000
_SPARE_DISK_SHARE = 0.05
# of the memory that is available now: what `auto` takes at most, and what may be taken when asked for
_AUTO_RAM_SHARE = 0.5
_ASKED_RAM_SHARE = 0.9
# of the accelerator's free memory: the rest is for weights, optimiser and activations
_AUTO_DEVICE_SHARE = 0.4
_ASKED_DEVICE_SHARE = 0.9
_TIMED_FRAMES = 4


@dataclass(frozen=True)
class FramesPlan:
    """How the frames will be held, and why.

    tier               "device", "disk", "ram" or "decode"
    reason             one line with the numbers
    bytes              size of all decoded frames, held or not
    frames_to_decode   frames (of all cameras) that have to be decoded before training can start
    cache              the cache folder that holds the store (disk; device, where the disk has room for one)
    device             whose memory they go to (device only)
    """

    tier: str
    reason: str
    bytes: int
    frames_to_decode: int
    cache: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class _Need:
    """What the dataset needs, and what there is."""

    total_bytes: int
    frames: int
    bytes_to_write: int
    frames_to_decode: int
    disk_bytes: int
    ram_bytes: int

    @property
    def fits_disk(self) -> bool:
        return self.bytes_to_write == 0 or self.bytes_to_write <= self.disk_bytes


def plan_frames(
    dataset: Dataset, *, tier: str = "auto", cache: Path | None = None, holders: int = 1, device: str = "cpu"
) -> FramesPlan:
    """Choose where the frames of the loaded episodes go. Reads what is stored already; writes nothing.

    tier      "auto" takes a CUDA device (up to 40 % of what is free there), else disk, else memory (up to half of what
              is free), else decoding while training, with a warning
    cache     the cache folder, instead of the usual one
    holders   processes that share this machine's memory, each with frames of its own
    device    where the batches go
    Raises ConfigError for an unknown tier, or a device that has no memory of its own; DiskFull, OutOfMemory when the
    tier that was asked for has no room.
    """
    if tier not in TIERS:
        raise ConfigError(
            f"`{tier}` is no way to hold frames", where="--dataset.frames", hint=f"one of {_listed(TIERS)}"
        )
    if not dataset.spec.cameras:
        return FramesPlan("ram", "the dataset has no cameras", 0, 0)
    cache = cache or cache_folder()
    need = _need(dataset, cache, holders)
    folder = dataset_folder(cache, dataset.fingerprint)
    place = readable_path(folder if len(dataset.parts) == 1 else folder.parent)
    if tier in ("auto", "device") and (plan := _on_device(need, tier, device, place, cache)):
        return plan
    if tier == "disk" and not need.fits_disk:
        raise DiskFull(
            f"the decoded frames do not fit the disk: {readable_bytes(need.bytes_to_write)} are still to be written, "
            f"{readable_bytes(max(need.disk_bytes, 0))} may be used (some is kept free)",
            where=place,
            hint=f"free some space, {ELSEWHERE}",
        )
    if tier == "ram" and need.total_bytes > _ASKED_RAM_SHARE * need.ram_bytes:
        raise OutOfMemory(
            f"the decoded frames do not fit the memory: they take {readable_bytes(need.total_bytes)}, "
            f"{readable_bytes(need.ram_bytes)} are available",
            where="--dataset.frames=ram",
            hint="take fewer episodes (--dataset.episodes), --dataset.frames=disk or --dataset.frames=decode",
        )
    if tier == "disk" or (tier == "auto" and need.fits_disk):
        return FramesPlan("disk", _disk_reason(need, place), need.total_bytes, need.frames_to_decode, cache)
    if tier == "ram" or (tier == "auto" and need.total_bytes <= _AUTO_RAM_SHARE * need.ram_bytes):
        return FramesPlan("ram", _ram_reason(need, tier), need.total_bytes, need.frames)
    if tier == "auto":
        _warn_of_decoding(dataset, need, place)
    reason = f"{readable_bytes(need.total_bytes)} are not kept: each frame is decoded whenever it is drawn"
    return FramesPlan("decode", reason, need.total_bytes, 0)


def readable_path(path: Path) -> str:
    """The path with `~` for the home folder."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _need(dataset: Dataset, cache: Path, holders: int) -> _Need:
    total = to_write = missing_frames = 0
    for part, camera in itertools.product((part.dataset for part in dataset.parts), dataset.spec.cameras):
        key = store_key(part, camera)
        missing = sum(part.episodes[p].length for p in missing_episodes(part, FrameStore(cache, key)))
        total += part.num_rows * key.frame_bytes
        to_write += missing * key.frame_bytes
        missing_frames += missing
    frames = dataset.num_rows * len(dataset.spec.cameras)
    available = psutil.virtual_memory().available // holders
    return _Need(total, frames, to_write, missing_frames, usable_disk_bytes(cache), available)


def usable_disk_bytes(cache: Path) -> int:
    """What may be written to the cache's disk, so that room for checkpoints and all else is left; may be negative."""
    disk_size = shutil.disk_usage(existing_parent(cache)).total
    return free_bytes(cache) - min(_SPARE_DISK_BYTES, int(_SPARE_DISK_SHARE * disk_size))


def _on_device(need: _Need, tier: str, device: str, place: str, cache: Path) -> FramesPlan | None:
    """The plan to hold them on the device; None if it is not wanted there. Raises ConfigError, OutOfMemory."""
    free = _free_bytes_on(device)
    if tier == "auto" and (free is None or need.total_bytes > _AUTO_DEVICE_SHARE * free):
        return None
    if free is None:
        raise ConfigError(
            f"{device} has no memory of its own that frames could be held in",
            where="--dataset.frames=device",
            hint="on a CUDA device they can; here --dataset.frames=auto finds the best place",
        )
    if need.total_bytes > _ASKED_DEVICE_SHARE * free:
        raise OutOfMemory(
            f"the decoded frames do not fit the memory of {device}: they take {readable_bytes(need.total_bytes)}, "
            f"{readable_bytes(free)} are free",
            where="--dataset.frames=device",
            hint="take fewer episodes (--dataset.episodes), or --dataset.frames=disk",
        )
    size = f"{readable_bytes(need.total_bytes)} of {readable_bytes(free)} free on {device}"
    if need.fits_disk:
        reason = f"{size}; out of {_disk_reason(need, place)}"
        return FramesPlan("device", reason, need.total_bytes, need.frames_to_decode, cache, device)
    reason = f"{size}: {need.frames:,} frames decoded at every start"
    return FramesPlan("device", reason, need.total_bytes, need.frames, None, device)


def _free_bytes_on(device: str) -> int | None:
    """Memory that is free on a CUDA device; None for devices that the host's memory serves."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.mem_get_info(device)[0]


def _disk_reason(need: _Need, place: str) -> str:
    there = need.frames - need.frames_to_decode
    if need.frames_to_decode == 0:
        state = f"all {need.frames:,} frames are there already"
    elif there:
        state = f"{there:,} of {need.frames:,} frames are there already"
    else:
        state = f"{need.frames:,} frames to decode once; {readable_bytes(need.disk_bytes)} may be used"
    return f"{readable_bytes(need.total_bytes)} in {place}: {state}"


def _ram_reason(need: _Need, tier: str) -> str:
    size, available = readable_bytes(need.total_bytes), readable_bytes(need.ram_bytes)
    reason = f"{size} of {available} available: {need.frames:,} frames decoded at every start"
    if tier == "auto":
        reason += f" (the disk has room for {readable_bytes(max(need.disk_bytes, 0))})"
    return reason


def _warn_of_decoding(dataset: Dataset, need: _Need, place: str) -> None:
    milliseconds = 1000 * _seconds_per_frame(dataset)
    warn(
        f"the decoded frames fit neither the disk ({readable_bytes(need.bytes_to_write)} to write to {place}, "
        f"{readable_bytes(max(need.disk_bytes, 0))} may be used) nor half of the memory "
        f"({readable_bytes(need.ram_bytes)} available): they are decoded while training, which takes one processor "
        f"about {milliseconds:.0f} ms for each sample. To avoid that, free "
        f"{readable_bytes(need.bytes_to_write - need.disk_bytes)} there, or name a larger disk in UNDERSTUDY_CACHE"
    )


def _seconds_per_frame(dataset: Dataset) -> float:
    """What it takes to decode the pictures of one sample, all cameras, at places spread over the dataset."""
    rows = [(2 * i + 1) * dataset.num_rows // (2 * _TIMED_FRAMES) for i in range(_TIMED_FRAMES)]
    for camera in dataset.spec.cameras:
        dataset.read_frame(camera, rows[0])  # the first one also loads the decoder
    started = time.perf_counter()
    for row in rows:
        for camera in dataset.spec.cameras:
            dataset.read_frame(camera, row)
    return (time.perf_counter() - started) / len(rows)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + f" or {names[-1]}"
