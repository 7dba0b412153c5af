"""`--compile`: the loss and its gradient through torch.compile, where that pays for itself within the run.

Compiling takes minutes before the first update, so it has to win them back. On a CPU it cannot: our own fast paths are
shorter than what the compiler makes of the plain ones (docs/concepts/fast-paths.md has the figures). On a GPU, where a
small step is mostly the launching of kernels, `auto` compares: how long the rest of the run would take without, and
with, by trying both on a batch of the right shape. A run too short to win anything is not kept waiting by the try.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.nn.bf16 import autocast

if TYPE_CHECKING:
    from understudy.data.spec import Batch
    from understudy.policies.base import Loss, Policy

LossGiven = Callable[["Batch", dict[str, Tensor]], "Loss"]

# the shortest run, in seconds, for which a minute or two of compiling is tried at all
SHORT_RUN_S = 1200.0
_TRIES = 5


def compiled(policy: Policy) -> LossGiven:
    """`policy.loss_given`, compiled at its first call for the shapes of that call."""
    return torch.compile(policy.loss_given, dynamic=False)


def choose_compile(policy: Policy, batch: Batch, precision: str, steps: int) -> tuple[bool, str]:
    """Whether to compile a run of `steps` updates, and the reason in words; none where it is never done.

    Leaves torch's generators as they were. Never fails: where compiling does, the reason says so.
    """
    if policy.device.type != "cuda":
        return False, ""
    with torch.random.fork_rng():
        plain = step_s(policy, policy.loss_given, batch, precision)
        if plain * steps < SHORT_RUN_S:
            return False, f"{steps:,} steps of {plain * 1e3:.0f} ms end before it pays"
        try:
            fast = step_s(policy, compiled(policy), batch, precision)
        except Exception as error:  # whatever the compiler stumbles over, the run goes on without it
            return False, f"compiling failed: {_first_line(error)}"
    why = f"a step takes {plain * 1e3:.0f} ms, {fast * 1e3:.0f} ms compiled"
    return fast < plain, why


def warm_up(policy: Policy, loss_given: LossGiven, batch: Batch, precision: str) -> float:
    """Compile now, on a batch like those to come; the seconds it took. Raises ConfigError where it cannot be done."""
    began = time.perf_counter()
    try:
        with torch.random.fork_rng():
            _step(policy, loss_given, batch, precision)
    except Exception as error:
        raise ConfigError(
            f"torch.compile failed: {_first_line(error)}",
            where="--compile=on",
            hint="leave it out; on a CPU it needs a C++ compiler such as g++",
        ) from error
    policy.zero_grad(set_to_none=True)
    return time.perf_counter() - began


def step_s(policy: Policy, loss_given: LossGiven, batch: Batch, precision: str) -> float:
    """Seconds of the shortest of a few forward and backward passes; the first ones, which compile, are not counted."""
    seconds = []
    for number in range(2 + _TRIES):
        began = time.perf_counter()
        _step(policy, loss_given, batch, precision)
        if policy.device.type == "cuda":
            torch.cuda.synchronize()
        if number >= 2:
            seconds.append(time.perf_counter() - began)
    policy.zero_grad(set_to_none=True)
    return min(seconds)


def _step(policy: Policy, loss_given: LossGiven, batch: Batch, precision: str) -> None:
    batch = batch.to(policy.device)
    draws = policy.draws(batch, Rng(0))
    with autocast(precision, policy.device):
        loss = loss_given(batch, draws)
    loss.total.backward()


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
