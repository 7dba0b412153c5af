"""Weights of matrix products and convolutions kept in bfloat16, for predicting.

Under autocast they would be converted at every call: for ACT on small pictures that takes longer than the products.
Everything else, the sums from layer to layer above all, stays in float32, so the numbers are those of autocast.
"""

from __future__ import annotations

import torch
from torch import nn

from understudy.nn.transformer import Attention


def keep_products_in_bf16(model: nn.Module) -> None:
    """Convert in place; from then on the model has to be run under autocast."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)
        elif isinstance(module, Attention):
            for parameter in (module.in_proj_weight, module.in_proj_bias):
                parameter.data = parameter.data.to(torch.bfloat16)
