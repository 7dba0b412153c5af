"""Fast paths: another way to the same numbers. Each module that has one also has the plain way, and a switch `fast`.

Every fast path is written beside the plain one it replaces, and tested to compute the same (tests/unit/nn).
"""

from __future__ import annotations

from torch import nn


def set_fast_paths(model: nn.Module, on: bool) -> None:
    """Switch the fast path of every module of `model` that has one."""
    for module in model.modules():
        if "fast" in vars(module):
            vars(module)["fast"] = on
