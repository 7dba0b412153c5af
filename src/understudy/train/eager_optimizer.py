"""torch's optimisers without torch's compiler.

torch wraps the methods of an optimiser so that its compiler keeps out of them, and imports that compiler to say so: for
a run that compiles nothing this was a second of its start and tens of megabytes. The methods lie beneath the wrappers.
"""

from __future__ import annotations

import inspect
from typing import cast

import torch
from torch.optim import Optimizer

_WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict", "step")


def without_compiler(kind: type[Optimizer]) -> type[Optimizer]:
    """`kind`, of the same name, with the methods that torch wrapped. Steps are taken without recording gradients."""
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in _WRAPPED}
    plain["step"] = torch.no_grad()(plain["step"])
    return cast(type[Optimizer], type(kind.__name__, (kind,), plain))
