"""Fast paths: another way to the same numbers. Each module that has one also has the plain way, and a switch `fast`.

Every fast path is written beside the plain one it replaces, and tested to compute the same (tests/unit/nn).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def set_fast_paths(model: nn.Module, on: bool) -> None:
    """Switch the fast path of every module of `model` that has one."""
    for module in model.modules():
        if "fast" in vars(module):
            vars(module)["fast"] = on


def is_eager_on_cpu(x: Tensor) -> bool:
    """Whether what is computed with `x` runs operation by operation on a CPU: there torch has no fused dropout."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()
