"""Whether networks of a configuration can be trained as one computation, and what an update takes either way.

Both are tried, on batches of random numbers of the right shape: no table of machines, and no rule about sizes.
"""

from __future__ import annotations

import contextlib
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from understudy.core.errors import first_line
from understudy.nn.devices import choose_device
from understudy.nn.dropout import Dropout
from understudy.nn.fast_paths import set_fast_paths
from understudy.policies.instructed import reads

from .batched_update import BatchedUpdate
from .optim import build_optimizer
from .schedule import build_schedule
from .step import Update

if TYPE_CHECKING:
    from understudy.policies.base import Policy
    from understudy.policies.config import PolicyConfig

    from .config import TrainConfig

# updates that are timed, after two that also plan and allocate; fewer where they take long
_TRIES = 7
_ENOUGH_S = 3.0
# an update that takes longer alone does not leave the machine idle, and many at once would fill its memory
BUSY_S = 0.25


@dataclass(frozen=True)
class Tried:
    """Seconds of one update of one network, and of one update of all at once; None: not worth trying."""

    alone_s: float
    together_s: float | None


def obstacle(config: TrainConfig, policy: PolicyConfig) -> str | None:
    """Why networks of this configuration cannot be trained as one computation; None: they can.

    policy   with the features of the dataset
    """
    if config.compile == "on":
        return "--compile=on compiles the update of one network"
    if config.peft is not None or policy.use_peft:
        return "an adapter is trained beside weights of its own"
    if reads(policy):
        return "each network would be told tasks of other lengths"
    with _trying():
        members = [_member(config, policy, seed) for seed in range(2)]
        if any(_drops(module) for module in members[0].policy.modules()):
            return "dropout draws differ: with it a network would not become what it becomes alone"
        try:
            BatchedUpdate(members)([[policy.fake_batch(2, seed)] for seed in range(2)], [0, 0])
        except (RuntimeError, NotImplementedError) as error:  # what torch.func raises where it does not know its way
            return f"this policy's loss cannot be computed for many networks at once: {first_line(error)}"
    return None


def try_together(
    config: TrainConfig, policy: PolicyConfig, count: int, *, threads_alone: int, threads_together: int
) -> Tried:
    """Time an update of one network and one of `count`, each computed with so many threads.

    Leaves torch's generators and threads as they were. Raises what torch raises when memory runs out.
    """
    with _trying():
        batches = [[policy.fake_batch(config.batch_size, seed)] for seed in range(count)]
        one = _member(config, policy, 0)
        torch.set_num_threads(threads_alone)
        alone = _seconds(lambda step: one(batches[0], step), one.device)
        if alone > BUSY_S:
            return Tried(alone, None)
        many = BatchedUpdate([_member(config, policy, seed) for seed in range(count)])
        torch.set_num_threads(threads_together)
        return Tried(alone, _seconds(lambda step: many(batches, [step] * count), one.device))


@contextlib.contextmanager
def _trying() -> Iterator[None]:
    """Inside, torch may be used as one likes."""
    usual = torch.get_num_threads()
    try:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(usual)


def _drops(module: nn.Module) -> bool:
    """Whether a module leaves out numbers at random while training."""
    if isinstance(module, nn.MultiheadAttention):
        return bool(module.dropout)
    return isinstance(module, Dropout | nn.modules.dropout._DropoutNd) and bool(module.p)


def fake_policy(config: TrainConfig, policy: PolicyConfig) -> Policy:
    """A policy for trying things out: made of no data, on its device, in training mode."""
    found = policy.skeleton(policy.fake_statistics()).to(choose_device(policy.device)).train()
    set_fast_paths(found, config.fast_paths)
    batch = policy.fake_batch(config.batch_size)
    found.fit_actions([(batch.action, torch.zeros_like(batch.action_is_pad))])
    return found


def _member(config: TrainConfig, policy: PolicyConfig, seed: int) -> Update:
    network = fake_policy(config, policy)
    settings = config.optimizer or policy.optimizer_preset()
    fused = config.fast_paths and network.device.type in ("cpu", "cuda")
    optimizer = build_optimizer(network, settings, use_groups=config.use_policy_training_preset, fused=fused)
    return Update(
        network,
        optimizer,
        build_schedule(config.scheduler, optimizer, config.steps),
        clip=settings.grad_clip_norm,
        precision="fp32" if config.precision == "auto" else config.precision,
        seed=seed,
        device=network.device,
    )


def _seconds(update: Callable[[int], object], device: torch.device) -> float:
    """The median time of an update."""
    seconds: list[float] = []
    for step in range(2 + _TRIES):
        began = time.perf_counter()
        update(step)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
        if sum(seconds) > _ENOUGH_S and step >= 2:
            break
    return statistics.median(seconds[2:] or seconds)
