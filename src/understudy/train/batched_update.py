"""One update of many networks at once: their weights stacked, one forward and one backward pass for all of them.

A small network leaves most of a machine idle: what takes time is telling it what to do. Told once for N networks that
are equal in shape, each with weights, a batch and random numbers of its own, the machine does N times the work in
hardly more time. `torch.func.vmap` turns the loss of one network into that of N; the backward pass is torch's usual
one, because the sum of N losses that share no weight has the gradient of each.

What a network becomes is what it would have become alone, up to the rounding of sums that are taken in another order
(docs/guides/ensemble.md says how far that goes). Nothing goes between networks: one whose loss is NaN spoils no other.

    N networks, P numbers in the weights of each (each parameter filled up to a multiple of 64)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.optim.lr_scheduler import LambdaLR

from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.nn.bf16 import autocast

from .batched_weights import StackedWeights

if TYPE_CHECKING:
    from understudy.policies.base import Policy

    from .step import Update


class BatchedUpdate:
    """Callable that makes one update of every network in `members`, which it also takes over the weights of.

    The weights and the optimiser's state of each member stay where its own objects find them, so that a member is
    measured, saved and resumed as if it were alone; its `window` fills, its schedule moves.

    All members must have the same configuration but for the seed.
    """

    def __init__(self, members: Sequence[Update]) -> None:
        self.members = list(members)
        first = self.members[0]
        self._loss = vmap(_LossOf(first.policy).given)
        self._weights = StackedWeights([m.policy for m in self.members], [m.optimizer for m in self.members])

    def __call__(self, batches: Sequence[Sequence[Batch]], steps: Sequence[int]) -> list[int]:
        """Update number `steps[i]` (from 0) of member i from `batches[i]`, one batch or several to be averaged over.

        Gives the positions of members whose loss or gradient was not finite. On a CPU that is found here and their
        weights are as before; elsewhere none is given, and it is found when their window is read.
        """
        first, weights = self.members[0], self._weights
        count = len(batches[0])
        totals: dict[str, Tensor] = {}
        for position in range(count):
            taken = [
                _with_draws(member, batches[i][position], Rng(member.seed, steps[i]).part(position, count))
                for i, member in enumerate(self.members)
            ]
            arguments = _stacked([batch for batch, _ in taken]), _stacked_draws([draws for _, draws in taken])
            with autocast(first.precision, first.device), batched_attention(first.device):
                losses, parts = self._loss(weights.leaves, weights.constants, *arguments)
            weights.add_gradients(losses.sum() / count, begin=position == 0)
            for name, value in {"loss": losses.detach(), **parts}.items():
                totals[name] = totals.get(name, 0) + value / count
        norms = weights.gradient_norms()
        if first.clip > 0:
            weights.scale_gradients((first.clip / (norms + 1e-6)).clamp(max=1.0))
        bad = self._note(totals, norms, steps, first.clip if first.clip > 0 else float("inf"))
        weights.step(skipped=bad)
        for i, member in enumerate(self.members):
            if isinstance(member.schedule, LambdaLR) and i not in bad:
                member.schedule.step()
        return bad

    def _note(self, totals: dict[str, Tensor], norms: Tensor, steps: Sequence[int], limit: float) -> list[int]:
        """Enter the scalars into each member's window; the positions of what is not finite, on a CPU."""
        rows = {name: value.unbind() for name, value in totals.items()}
        clipped = (norms > limit).unbind()
        for i, member in enumerate(self.members):
            member.window.add(steps[i], {name: row[i] for name, row in rows.items()}, norms[i], clipped[i])
        if norms.device.type != "cpu":
            return []
        finite = torch.isfinite(totals["loss"]) & torch.isfinite(norms)
        return [i for i, good in enumerate(finite.tolist()) if not good]


class _LossOf(nn.Module):
    """A policy's loss as a function of its weights and of tensors alone."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, batch: dict[str, Any], draws: dict[str, Tensor]) -> Any:
        loss = self.policy.loss_given(Batch(**batch), draws)
        return loss.total, loss.parts

    def given(self, weights: dict[str, Tensor], constants: dict[str, Tensor], *arguments: Any) -> Any:
        """(total, parts) with these weights in place of the policy's own."""
        own = {f"policy.{name}": tensor for name, tensor in {**weights, **constants}.items()}
        return functional_call(self, own, arguments, tie_weights=False)


@contextlib.contextmanager
def batched_attention(device: torch.device) -> Iterator[None]:
    """Inside, attention is made of operations that know batches of networks: on a CPU the fused one would be computed
    network by network."""
    if device.type != "cpu":
        yield
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        yield


def _with_draws(member: Update, batch: Batch, rng: Rng) -> tuple[Batch, dict[str, Tensor]]:
    """A member's batch where it is computed, and its own random numbers for it."""
    batch = member.placed(batch, rng)
    return batch, member.policy.draws(batch, rng)


def _stacked(batches: Sequence[Batch]) -> dict[str, Any]:
    """The tensors of all networks' batches by their names, (N, B, ...)."""
    found: dict[str, Any] = {
        "observation": {name: torch.stack([b.observation[name] for b in batches]) for name in batches[0].observation},
        "action": torch.stack([b.action for b in batches]),
        "action_is_pad": torch.stack([b.action_is_pad for b in batches]),
    }
    shares = [b.valid_steps for b in batches if b.valid_steps is not None]
    return found | ({"valid_steps": torch.stack(shares)} if shares else {})


def _stacked_draws(draws: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([drawn[name] for drawn in draws]) for name in draws[0]}
