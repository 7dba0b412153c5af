"""`--prefix_cache`: what frozen weights see in a frame is computed once, and kept, instead of at every step.

No policy is named here: one that sees its cameras one by one says so (`Policy.sight`), and which weights it does so
with. Kept is what its `look` gives, in the numbers of the run's own precision, so a step is the same within rounding.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from understudy.core.errors import ConfigError, DiskFull
from understudy.core.files import cache_folder
from understudy.core.units import readable_bytes, readable_duration
from understudy.data.frame_plan import readable_path
from understudy.data.seen_store import FRAMES_AT_ONCE, SeenStores, seen_key
from understudy.data.spec import seen_name
from understudy.nn.bf16 import autocast

if TYPE_CHECKING:
    from understudy.data.seen_store import SeenFrames
    from understudy.data.spec import Batch
    from understudy.policies.base import Policy

    from .config import TrainConfig
    from .prepare import Prepared

_OPTION = "--prefix_cache=features"


def choose_prefix_cache(config: TrainConfig, policy: Policy, prepared: Prepared) -> tuple[str, str]:
    """("features" or "off", the reason in words); no words for a policy that has nothing to keep.

    Raises ConfigError and DiskFull where `features` was asked for and cannot be.
    """
    asked, sight = config.prefix_cache == "features", policy.sight()
    if not asked and sight is None:
        return "off", ""
    if not asked and config.resume:
        return "off", "the run was begun without it"
    if obstacle := _obstacle(config, policy):
        if asked:
            raise ConfigError(f"vision features cannot be kept: {obstacle}", where=_OPTION, hint="leave the option out")
        return "off", obstacle
    stores = _stores(config, policy, prepared)
    if stores.bytes_to_write > stores.usable_bytes:
        if asked:
            raise _no_room(stores)
        return "off", f"{_sizes(stores)} in {readable_path(stores.folder)}"
    seen_by_steps = config.steps * config.samples_per_update(prepared.ranks.world) * stores.cameras
    if not asked and seen_by_steps < stores.frames_to_see:
        return (
            "off",
            f"{config.steps:,} steps see {seen_by_steps:,} frames, and {stores.frames_to_see:,} are to be kept",
        )
    return "features", _forecast(config, policy, stores)


def seen_frames(config: TrainConfig, policy: Policy, prepared: Prepared) -> SeenFrames | None:
    """What the policy sees in every frame, computed where it was not kept; None where nothing is to be kept.

    config   with a definite `prefix_cache`
    Raises DiskFull, ResourceError; what was computed before that is kept.
    """
    if config.prefix_cache != "features":
        return None
    windows = prepared.windows()  # opens the frames, on all ranks, and may take a phase of its own

    def look(camera: str, rows: np.ndarray) -> Tensor:
        return _looked(config, policy, camera, windows.pictures(camera, rows))

    with prepared.start_up.phase("features"), prepared.ranks.leader_first():
        return _stores(config, policy, prepared).complete(look)


def example_batch(config: TrainConfig, policy: Policy) -> Batch:
    """A batch of random numbers that looks to the policy like those of the run."""
    batch = policy.config.fake_batch(config.batch_size).to(policy.device)
    sight = policy.sight()
    if config.prefix_cache != "features" or sight is None:
        return batch
    seen = {seen_name(c): _looked(config, policy, c, batch.observation[c]) for c in sight.cameras}
    others = {name: value for name, value in batch.observation.items() if name not in sight.cameras}
    return dataclasses.replace(batch, observation=others | seen)


def _obstacle(config: TrainConfig, policy: Policy) -> str | None:
    """Why the same frame does not always look the same to this policy in this run."""
    sight = policy.sight()
    if sight is None:
        return f"{config.policy.type} does not see its cameras one by one"
    if trained := sight.trained():
        return f"{' and '.join(trained)} {'are' if len(trained) > 1 else 'is'} trained"
    if config.dataset.image_transforms.build() is not None:
        return "--dataset.image_transforms.enable changes the pictures at every step"
    return None


def _stores(config: TrainConfig, policy: Policy, prepared: Prepared) -> SeenStores:
    sight = policy.sight()
    assert sight is not None
    identity, batch = sight.identity(policy.device), policy.config.fake_batch(1)
    keys = {
        camera: seen_key(prepared.dataset, camera, identity, _looked(config, policy, camera, batch.observation[camera]))
        for camera in sight.cameras
    }
    return SeenStores(prepared.dataset, cache_folder(), keys)


@torch.no_grad()
def _looked(config: TrainConfig, policy: Policy, camera: str, pictures: Tensor) -> Tensor:
    """What is seen in pictures (B, 3, h, w), computed as in a step."""
    with autocast(config.precision, policy.device):
        return policy.look(camera, pictures.to(policy.device))


def _forecast(config: TrainConfig, policy: Policy, stores: SeenStores) -> str:
    where = f"{readable_bytes(stores.bytes)} in {readable_path(stores.folder)}"
    if not stores.frames_to_see:
        return f"{where}: all is there already"
    wait = readable_duration(stores.frames_to_see * _seconds_per_frame(config, policy))
    return f"{where}: {stores.frames_to_see:,} frames to look at once, about {wait}"


def _seconds_per_frame(config: TrainConfig, policy: Policy) -> float:
    """What it takes to look at a frame (of any camera), measured on random pictures."""
    sight, batch = policy.sight(), policy.config.fake_batch(FRAMES_AT_ONCE)
    assert sight is not None
    seconds = []
    for camera in [sight.cameras[0], *sight.cameras]:  # the first try also plans and allocates
        began = time.perf_counter()
        _looked(config, policy, camera, batch.observation[camera]).sum().item()  # waits for the device
        seconds.append(time.perf_counter() - began)
    return sum(seconds[1:]) / len(sight.cameras) / FRAMES_AT_ONCE


def _sizes(stores: SeenStores) -> str:
    return (
        f"{readable_bytes(stores.bytes_to_write)} are still to be written, {readable_bytes(stores.usable_bytes)} may "
        "be used (some is kept free)"
    )


def _no_room(stores: SeenStores) -> DiskFull:
    return DiskFull(
        f"the vision features do not fit the disk: {_sizes(stores)}",
        where=readable_path(stores.folder),
        hint="free some space, name another folder in UNDERSTUDY_CACHE, or go without: --prefix_cache=off",
    )
