"""Prefix: what a policy makes of a frame before anything that is trained, told so that it can be computed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Prefix:
    """Entries of an observation that may stand for its pictures, and what decides what they are.

    entries   name -> an observation with an instruction to it -> (B, tokens, width); always of one size
    options   everything but the weights that they depend on, for JSON; with a number for the code's own version
    parts     the modules that compute them, by what people call them
    """

    entries: Mapping[str, Callable[[dict[str, Tensor]], Tensor]]
    options: Any
    parts: Mapping[str, nn.Module]

    def trained(self) -> list[str]:
        """Names of the parts that training changes; [] where each frame always gives the same."""
        return [name for name, part in self.parts.items() if any(p.requires_grad for p in part.parameters())]

    def identity(self, device: torch.device) -> str:
        """32 hex digits: the same where the same frame gives the same, up to rounding on processors of a kind."""
        digest = hashlib.sha256(json.dumps([self.options, device.type], sort_keys=True).encode())
        for name, part in self.parts.items():
            for key, value in part.state_dict().items():
                digest.update(f"{name}.{key} {value.dtype} {tuple(value.shape)}\n".encode())
                digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()[:32]
