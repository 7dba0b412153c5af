"""bfloat16 for matrix products and convolutions; everything else, the sums from layer to layer above all, in float32.

While training, torch's autocast converts weights at every call. For ACT on small pictures that takes longer than the
products, so for predicting they may be kept converted; the numbers are those of autocast. Weights that are frozen are
kept converted while training, too, beside themselves.
"""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


class FreezableLinear(nn.Linear):
    """nn.Linear, and while its weight is frozen, autocast does not convert it at every call.

    Where few tokens pass through many frozen weights, converting them is most of the work. Half as much memory is kept
    again, from the first such call on.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.fast = True
        self._converted: tuple[tuple[int, int], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not (self.fast and self._is_converted_for(x.device.type)):
            return super().forward(x)
        return F.linear(x, self._in_bf16(), self.bias)

    def _is_converted_for(self, device: str) -> bool:
        """Whether autocast would convert the weight, and always to the same."""
        if self.weight.requires_grad or self.weight.dtype is not torch.float32 or torch.compiler.is_compiling():
            return False
        return torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) is torch.bfloat16

    def _in_bf16(self) -> Tensor:
        # another tensor, or the same one written to since, is another weight
        now = self.weight.data_ptr(), self.weight._version
        if self._converted is None or self._converted[0] != now:
            self._converted = now, self.weight.detach().bfloat16()
        return self._converted[1]
