"""Dropout whose masks are cheap to draw on a CPU, where torch spends a tenth of a training step of ACT on them.

Four decisions are cut from every 64 random bits, so a probability is rounded to a multiple of 2 ** -15, and what is
kept is scaled by exactly what was rounded. The mask is a pattern of bits, which an `and` lays over floats of any width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.nn.fast_paths import is_eager_on_cpu

_LEVELS = 1 << 15
_BITS_OF = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.float16: torch.int16}


class Dropout(nn.Module):
    """Zero each number with probability `p` while training and scale the others to keep the mean.

    Draws from torch's own generator. `fast` off, on an accelerator, or compiled: torch's dropout.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.fast = True

    def extra_repr(self) -> str:
        return f"p={self.p}"

    def forward(self, x: Tensor) -> Tensor:
        """Any shape and float dtype -> the same."""
        if not self.training or self.p == 0:
            return x
        if self.fast and x.dtype in _BITS_OF and is_eager_on_cpu(x):
            dropped: Tensor = _Masked.apply(x, self.p)  # type: ignore[no-untyped-call]
            return dropped
        return F.dropout(x, self.p)


class _Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        dropped = round(p * _LEVELS)
        ctx.mask = kept_bits(x.numel(), dropped, _BITS_OF[x.dtype]).view(x.shape)
        ctx.scale = _LEVELS / max(_LEVELS - dropped, 1)
        return _kept(x, ctx.mask, ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _kept(gradients[0], ctx.mask, ctx.scale), None


def kept_bits(count: int, dropped: int, dtype: torch.dtype) -> Tensor:
    """(count,) integers, all bits 0 with probability `dropped` / 2 ** 15 and all bits 1 otherwise."""
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    level = words.view(torch.int16)[:count].bitwise_and_(_LEVELS - 1)
    # the sign of (dropped - 1 - level), spread over the whole word
    kept = level.neg_().add_(dropped - 1).bitwise_right_shift_(15)
    return kept if dtype is torch.int16 else kept.to(dtype)


def _kept(x: Tensor, mask: Tensor, scale: float) -> Tensor:
    return (x.view(mask.dtype) & mask).view(x.dtype).mul_(scale)
