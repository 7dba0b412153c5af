"""Gradients summed over all ranks, while the backward pass is still running.

Each gradient that is ready goes into a bucket, and a full bucket is on its way to the other ranks while earlier layers
are still computed. It is done at the tensors and not around the model (as torch's DistributedDataParallel does), so a
policy stays the module it is: `loss` and the names of its parameters are its own, a compiled graph is not cut, and
batches that are accumulated need no mode in which nothing is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import Parameter

from understudy.core.errors import UnderstudyError

if TYPE_CHECKING:
    from .distributed import Ranks

# large enough to use the whole width of the connection, small enough for the first to leave early
BUCKET_BYTES = 25 * 2**20


class _Bucket:
    """Parameters whose gradients travel together, and the room for them, laid out as each parameter is."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = list(parameters)
        first = parameters[0]
        self.flat = torch.zeros(sum(p.numel() for p in parameters), dtype=first.dtype, device=first.device)
        parts = self.flat.split([p.numel() for p in parameters])
        self.views = [
            part.as_strided(p.shape, p.stride(), part.storage_offset())
            for p, part in zip(parameters, parts, strict=True)
        ]
        self.missing = len(parameters)
        self.work: Any = None


class SharedGradients:
    """Sums the gradients of `parameters` over `ranks`: `start`, the last backward pass of the update, `finish`.

    Every rank must hold the same parameters. One that takes no part in the first update on any rank keeps no gradient,
    as if trained alone; the others take part in every update, with zeros where a rank has nothing to say.
    """

    def __init__(self, parameters: Sequence[Parameter], ranks: Ranks) -> None:
        self._ranks = ranks
        # the last layers' gradients are ready first
        self._buckets = [_Bucket(group) for group in _grouped(list(reversed(parameters)))]
        self._sent = 0
        self._started = False
        self._in_use: list[bool] | None = None
        for bucket in self._buckets:
            for parameter in bucket.parameters:
                parameter.register_post_accumulate_grad_hook(lambda _, bucket=bucket: self._arrived(bucket))

    def start(self) -> None:
        """The next backward pass is the last one of this update: what it completes is sent."""
        self._started, self._sent = True, 0
        for bucket in self._buckets:
            bucket.missing, bucket.work = len(bucket.parameters), None

    def _arrived(self, bucket: _Bucket) -> None:
        if not self._started:
            return
        bucket.missing -= 1
        # in one order on all ranks: a sum of different buckets would be nonsense, or never end
        while self._sent < len(self._buckets) and not self._buckets[self._sent].missing:
            self._send(self._buckets[self._sent])

    def _send(self, bucket: _Bucket) -> None:
        self._sent += 1
        gradients = [p.grad for p in bucket.parameters]
        here = [(view, g) for view, g in zip(bucket.views, gradients, strict=True) if g is not None]
        if len(here) < len(gradients):
            bucket.flat.zero_()
        if here:
            torch._foreach_copy_([view for view, _ in here], [gradient for _, gradient in here])
        bucket.work = self._ranks.sum_in_background(bucket.flat)

    def finish(self) -> None:
        """Wait for the sums; every parameter's gradient is then that of the whole batch."""
        self._started = False
        parameters = [p for bucket in self._buckets for p in bucket.parameters]
        used = [p.grad is not None for p in parameters]
        while self._sent < len(self._buckets):
            self._send(self._buckets[self._sent])
        if self._in_use is None:
            self._in_use = self._ranks.any_of(used)
        if any(now and not ever for now, ever in zip(used, self._in_use, strict=True)):
            raise UnderstudyError(
                "a parameter that took no part in the first update has a gradient now",
                hint="with several ranks the parameters that are trained must stay the same; train with one",
            )
        for bucket in self._buckets:
            bucket.work.wait()
        views = [view for bucket in self._buckets for view in bucket.views]
        for parameter, view, in_use in zip(parameters, views, self._in_use, strict=True):
            parameter.grad = view if in_use else None


def _grouped(parameters: Sequence[Parameter]) -> list[list[Parameter]]:
    """Runs of parameters of one kind, each of about BUCKET_BYTES."""
    groups: list[list[Parameter]] = []
    size = 0
    for parameter in parameters:
        its_size = parameter.numel() * parameter.element_size()
        same = groups and (groups[-1][0].dtype, groups[-1][0].device) == (parameter.dtype, parameter.device)
        if not same or size + its_size > BUCKET_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(parameter)
        size += its_size
    return groups
