"""`--prefix_cache`: what frozen weights make of a frame is computed once, and kept, instead of at every step.

No policy is named here: one that has such a part says so (`Policy.prefixes`), and which weights it is made with. Kept
are the numbers of the run's own precision, so a step is the same within rounding.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import psutil
import torch
from torch import Tensor

from understudy.core.errors import ConfigError, DiskFull
from understudy.core.files import cache_folder
from understudy.core.units import readable_bytes, readable_duration
from understudy.data.frame_plan import readable_path
from understudy.data.seen_store import FRAMES_AT_ONCE, SeenStores, seen_key
from understudy.nn.bf16 import autocast

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.data.seen_store import SeenFrames, SeenKey
    from understudy.data.spec import Batch
    from understudy.policies.base import Policy
    from understudy.policies.prefix import Prefix

    from .config import TrainConfig
    from .prepare import Prepared

# of the memory that is available: what reads at random from a file that does not fit it waits for the disk
_RAM_SHARE = 0.5
_TIMED_ON_CPU = 2


def choose_prefix_cache(config: TrainConfig, policy: Policy, prepared: Prepared) -> tuple[str, str]:
    """("memory", "features" or "off", the reason in words); no words for a policy that has nothing to keep.

    Raises ConfigError and DiskFull where one was asked for and cannot be.
    """
    prefixes = policy.prefixes(_told(prepared.dataset.tasks))
    if config.prefix_cache != "auto":
        prefix, stores = _asked_for(config, policy, prepared)
        return config.prefix_cache, _forecast(config, policy, prefix, stores, _told(prepared.dataset.tasks))
    if not prefixes:
        return "off", ""
    if config.resume:
        return "off", "the run was begun without it"
    against: dict[str, str] = {}
    for name, prefix in prefixes.items():
        told = "".join(f" (not {other}: {why})" for other, why in against.items())
        if why := _obstacle(config, prefix):
            against[name] = why
            continue
        stores = _stores(name, config, policy, prepared)
        if why := _against(name, config, policy, stores, prepared):
            against[name] = why
            continue
        return name, _forecast(config, policy, prefix, stores, _told(prepared.dataset.tasks)) + told
    return "off", list(against.values())[-1]


def seen_frames(config: TrainConfig, policy: Policy, prepared: Prepared) -> SeenFrames | None:
    """What is kept of every frame, computed where it is not there yet; None where nothing is to be kept.

    config   with a definite `prefix_cache`
    Raises DiskFull, ResourceError; what was computed before that is kept.
    """
    if config.prefix_cache == "off":
        return None
    prefix = policy.prefixes(_told(prepared.dataset.tasks))[config.prefix_cache]
    windows = prepared.windows()  # opens the frames, on all ranks, and may take a phase of its own

    def look(entry: str, rows: np.ndarray) -> Tensor:
        return _computed(config, policy, prefix, entry, windows.gather(rows))

    with prepared.start_up.phase("prefix"), prepared.ranks.leader_first():
        return _stores(config.prefix_cache, config, policy, prepared).complete(look)


def example_batch(config: TrainConfig, policy: Policy, tasks: Sequence[str]) -> Batch:
    """A batch of random numbers that looks to the policy like those of the run.

    config   with a definite `prefix_cache`
    tasks    of the dataset; the first one is told
    """
    tasks = _told(tasks)
    plain = _fake(policy, tasks, config.batch_size)
    if config.prefix_cache == "off":
        return plain
    prefix = policy.prefixes(tasks)[config.prefix_cache]
    kept = {entry: _computed(config, policy, prefix, entry, plain) for entry in prefix.entries}
    others = {name: value for name, value in plain.observation.items() if value.ndim != 4}  # all but pictures
    return dataclasses.replace(plain, observation=others | kept)


def _told(tasks: Sequence[str]) -> list[str]:
    """All that the policy may be told. A task without words belongs to no loaded episode (`check_tasks`)."""
    return [task for task in tasks if task.strip()]


def _fake(policy: Policy, tasks: Sequence[str], size: int) -> Batch:
    batch = policy.config.fake_batch(size).to(policy.device)
    return dataclasses.replace(batch, task=[tasks[0]] * size) if tasks else batch


@torch.no_grad()
def _computed(config: TrainConfig, policy: Policy, prefix: Prefix, entry: str, batch: Batch) -> Tensor:
    """An entry for the batch, computed as in a step."""
    with autocast(config.precision, policy.device):
        return prefix.entries[entry](batch.observation | policy.instruction(batch.task))


# -- whether it can be, and whether it is worth it --------------------------------------------------------------------


def _asked_for(config: TrainConfig, policy: Policy, prepared: Prepared) -> tuple[Prefix, SeenStores]:
    """What is to be kept in any case, and where. Raises ConfigError, DiskFull."""
    prefix = policy.prefixes(_told(prepared.dataset.tasks))[config.prefix_cache]
    if obstacle := _obstacle(config, prefix):
        where = f"--prefix_cache={config.prefix_cache}"
        raise ConfigError(f"nothing can be kept: {obstacle}", where=where, hint="leave the option out")
    stores = _stores(config.prefix_cache, config, policy, prepared)
    if no_room := _no_room(stores):
        raise DiskFull(
            f"what is to be kept does not fit the disk: {no_room}",
            where=readable_path(stores.folder),
            hint="free some space (`understudy data cache` tells what is kept there), name another folder in "
            "UNDERSTUDY_CACHE, or go without: --prefix_cache=off",
        )
    return prefix, stores


def _obstacle(config: TrainConfig, prefix: Prefix) -> str | None:
    """Why the same frame does not always give the same in this run."""
    if trained := prefix.trained():
        *others, last = trained
        return f"{', '.join(others)} and {last} are trained" if others else f"{last} is trained"
    if config.dataset.image_transforms.build() is not None:
        return "--dataset.image_transforms.enable changes the pictures at every step"
    return None


def _against(name: str, config: TrainConfig, policy: Policy, stores: SeenStores, prepared: Prepared) -> str | None:
    """Why it is not worth it, or cannot be; None: it is."""
    if no_room := _no_room(stores):
        return no_room
    ram = int(_RAM_SHARE * psutil.virtual_memory().available)
    if name == "memory" and policy.device.type != "cpu":
        return f"every step would bring {readable_bytes(stores.frame_bytes)} a frame to the device"
    if name == "memory" and stores.bytes > ram:
        return f"{readable_bytes(stores.bytes)}, half of the memory that is available is {readable_bytes(ram)}"
    taken = config.steps * config.samples_per_update(prepared.ranks.world) * stores.entries
    if taken < stores.frames_to_see:
        return f"{config.steps:,} steps look at {taken:,} frames, and {stores.frames_to_see:,} would be looked at first"
    return None


def _no_room(stores: SeenStores) -> str | None:
    if stores.bytes_to_write <= stores.usable_bytes:
        return None
    usable = readable_bytes(stores.usable_bytes)
    return f"{readable_bytes(stores.bytes_to_write)} to write to the disk, {usable} may be used (some is kept free)"


# -- the stores -------------------------------------------------------------------------------------------------------


def _stores(name: str, config: TrainConfig, policy: Policy, prepared: Prepared) -> SeenStores:
    """Those of a prefix. To know which they are, all its weights are read, so they are looked up once in a run."""
    if name not in prepared.seen_stores:
        dataset, told = prepared.dataset, _told(prepared.dataset.tasks)
        prefix, batch = policy.prefixes(told)[name], _fake(policy, told, 1)
        weights = prefix.identity(policy.device)
        examples = {entry: _computed(config, policy, prefix, entry, batch) for entry in prefix.entries}

        def keys(part: Dataset) -> dict[str, SeenKey]:
            # which of the dataset's cameras is which
            names = {camera: part.declared_name(camera) for camera in part.spec.cameras}
            identity = hashlib.sha256(json.dumps([weights, names]).encode()).hexdigest()[:32]
            return {entry: seen_key(part, entry, identity, example) for entry, example in examples.items()}

        prepared.seen_stores[name] = SeenStores(dataset, cache_folder(), keys)
    return prepared.seen_stores[name]


def _forecast(config: TrainConfig, policy: Policy, prefix: Prefix, stores: SeenStores, tasks: Sequence[str]) -> str:
    where = f"{readable_bytes(stores.bytes)} in {readable_path(stores.folder)}"
    if not stores.frames_to_see:
        return f"{where}: all is there already"
    wait = readable_duration(stores.frames_to_see * _seconds_per_frame(config, policy, prefix, tasks))
    return f"{where}: {stores.frames_to_see:,} frames to look at once, about {wait}"


def _seconds_per_frame(config: TrainConfig, policy: Policy, prefix: Prefix, tasks: Sequence[str]) -> float:
    """What it takes to compute an entry of a frame, measured on random pictures. Everything was computed before."""
    # an accelerator is only busy with all that are computed together, and a CPU takes seconds for each
    frames = _TIMED_ON_CPU if policy.device.type == "cpu" else FRAMES_AT_ONCE
    batch, began = _fake(policy, tasks, frames), time.perf_counter()
    for entry in prefix.entries:
        _computed(config, policy, prefix, entry, batch).sum().item()  # waits for the device
    return (time.perf_counter() - began) / len(prefix.entries) / frames
