"""bfloat16 for matrix products and convolutions; everything else, the sums from layer to layer above all, in float32.

While training, torch's autocast converts weights at every call. For ACT on small pictures that takes longer than the
products, so for predicting they may be kept converted; the numbers are those of autocast.
"""

from __future__ import annotations

import contextlib

import torch
from torch import nn

from understudy.nn.transformer import Attention


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bfloat16 for matrix products and convolutions where `precision` is "bf16"; else what is around stays."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def keep_products_in_bf16(model: nn.Module) -> None:
    """Convert in place; from then on the model has to be run under autocast."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)
        elif isinstance(module, Attention):
            for parameter in (module.in_proj_weight, module.in_proj_bias):
                parameter.data = parameter.data.to(torch.bfloat16)
