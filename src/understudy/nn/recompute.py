"""Activation checkpointing: what a layer would keep for the backward pass is computed again there (Chen et al., 2016).

Less memory for more time. The numbers are the same bit for bit, because the same operations run on the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

T = TypeVar("T")


class Recomputing(nn.Module):
    """Layers that keep of each of them only what goes in, if `recomputes` is set."""

    recomputes = False

    def run(self, layer: Callable[..., T], *inputs: Any) -> T:
        """`layer(*inputs)`."""
        if not self.recomputes or not torch.is_grad_enabled():
            return layer(*inputs)
        found: T = checkpoint(layer, *inputs, use_reentrant=False)
        return found


def recompute(network: nn.Module) -> None:
    """From now on every stack of layers in `network` that can do so keeps less and computes more."""
    for module in network.modules():
        if isinstance(module, Recomputing):
            module.recomputes = True
