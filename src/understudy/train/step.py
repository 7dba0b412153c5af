"""One update: forward, backward, clip, optimiser, schedule. Nothing here waits for the device.

The scalars of a step stay on the device and are summed there; they reach the host in blocks (`Window.means`), together
with the number of the first step whose loss or gradient was not finite. On a CPU reading them costs nothing, so there
the check is made before the optimiser moves and no weight is ever spoiled; on an accelerator the last good
checkpoint is what survives.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from understudy.core.rng import Rng
from understudy.nn.bf16 import autocast

from .distributed import ALONE, Ranks
from .gradients import SharedGradients

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from understudy.data.spec import Batch
    from understudy.nn.augment import Augment
    from understudy.policies.base import Policy

    from .compiling import LossGiven
    from .schedule import Schedule


class NonFinite(Exception):
    """A loss or gradient was not finite at `step` (counted from 0)."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


class Update:
    """Callable that performs one optimiser update.

    clip       largest global L2 norm of the gradient; 0 or less: no clipping (the norm is measured all the same)
    precision  "fp32", or "bf16": matrix products and convolutions in bfloat16, weights and optimiser in float32
    augment    changes the pictures of each batch at random
    ranks      the processes that share each batch; every one of them makes the same update
    loss_given the policy's own, or what torch.compile made of it
    """

    def __init__(
        self,
        policy: Policy,
        optimizer: Optimizer,
        schedule: Schedule | None,
        *,
        clip: float,
        precision: str,
        seed: int,
        device: torch.device,
        augment: Augment | None = None,
        ranks: Ranks = ALONE,
        loss_given: LossGiven | None = None,
    ) -> None:
        self.policy = policy
        self.loss_given = loss_given or policy.loss_given
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip = clip
        self.precision = precision
        self.seed = seed
        self.device = device
        self.augment = augment
        self.window = Window(device)
        self._parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        self._ranks = ranks
        self._shared = SharedGradients(self._parameters, ranks) if ranks.world > 1 else None

    def __call__(self, batches: Sequence[Batch], step: int) -> None:
        """Update number `step` (from 0) from one batch, or from several whose gradients are averaged.

        Raises NonFinite: on a CPU at once, elsewhere when the window is read.
        """
        for parameter in self._parameters:
            parameter.grad = None
        total = torch.zeros((), device=self.device)
        parts: dict[str, Tensor] = {}
        for position, batch in enumerate(batches):
            # the noise of a sample is that of its place in the whole batch, in however many parts this comes
            rng = Rng(self.seed, step, self._ranks.rank, self._ranks.world).part(position, len(batches))
            rng.seed_torch("dropout")
            batch = self.placed(batch, rng)
            draws = self.policy.draws(batch, rng)
            with autocast(self.precision, self.device):
                loss = self.loss_given(batch, draws)
            if self._shared is not None and position == len(batches) - 1:
                self._shared.start()
            (loss.total / (len(batches) * self._ranks.world)).backward()
            total += loss.total.detach() / len(batches)
            for name, value in loss.parts.items():
                parts[name] = parts.get(name, 0) + value / len(batches)
        scalars = {"loss": total, **parts}
        if self._shared is not None:
            self._shared.finish()
            scalars = self._ranks.mean(scalars)
        limit = self.clip if self.clip > 0 else float("inf")
        norm = self._clip(limit)
        self.window.add(step, scalars, norm, clipped=norm > limit)
        if self.device.type == "cpu":
            self.window.raise_if_not_finite()
        self.optimizer.step()
        if isinstance(self.schedule, LambdaLR):
            self.schedule.step()

    def _clip(self, limit: float) -> Tensor:
        """Clip the whole gradient's norm to `limit`, number for number as torch's clip_grad_norm_; the norm before."""
        if self.device.type != "cpu":
            return nn.utils.clip_grad_norm_(self._parameters, limit)
        norm = nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        # where reading it costs nothing, gradients are not multiplied by 1
        if not norm <= limit:
            nn.utils.clip_grads_with_norm_(self._parameters, limit, norm)
        return norm

    def placed(self, batch: Batch, rng: Rng) -> Batch:
        """The batch where the policy is, its pictures changed if that is asked for.

        Done outside of autocast, whose rounding would move pixels and coarsen colours.
        """
        batch = batch.to(self.device)
        if self.augment is None:
            return batch
        return dataclasses.replace(batch, observation=self.augment(batch.observation, rng))


class Window:
    """Sums of scalars since they were last read, on the device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._first_bad = torch.full((), -1, dtype=torch.int64, device=device)
        self._reset()

    def _reset(self) -> None:
        self.steps = 0
        self._sums: dict[str, Tensor] = {}

    def add(self, step: int, scalars: dict[str, Tensor], norm: Tensor, clipped: Tensor) -> None:
        """Take in the scalars of one step."""
        self.steps += 1
        bad = ~(torch.isfinite(scalars["loss"]) & torch.isfinite(norm))
        self._first_bad = torch.where((self._first_bad < 0) & bad, step, self._first_bad)
        for name, value in {**scalars, "grad_norm": norm, "clipped_fraction": clipped.float()}.items():
            held = self._sums.get(name)
            self._sums[name] = value.detach().float() if held is None else held + value

    def raise_if_not_finite(self) -> None:
        """Read the flag from the device. Raises NonFinite."""
        first_bad = int(self._first_bad)
        if first_bad >= 0:
            raise NonFinite(first_bad)

    def means(self) -> dict[str, float]:
        """Means since the last call, read in one transfer. Raises NonFinite."""
        self.raise_if_not_finite()
        if not self.steps:
            return {}
        values = (torch.stack(list(self._sums.values())) / self.steps).tolist()
        means = dict(zip(self._sums, values, strict=True))
        self._reset()
        return means
