"""Sight: how a policy sees each camera by itself, told so that others can compute it once where it is not trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Sight:
    """What decides what `Policy.look` gives.

    cameras   what can be looked at
    options   everything but the weights that it depends on, for JSON; with a number for the code's own version
    parts     the modules through which a picture goes, by what people call them
    """

    cameras: Sequence[str]
    options: Any
    parts: Mapping[str, nn.Module]

    def trained(self) -> list[str]:
        """Names of the parts that training changes; [] where each frame always looks the same."""
        return [name for name, part in self.parts.items() if any(p.requires_grad for p in part.parameters())]

    def identity(self, device: torch.device) -> str:
        """32 hex digits: the same where the same is seen in the same frame, up to rounding on processors of a kind."""
        digest = hashlib.sha256(json.dumps([self.options, device.type], sort_keys=True).encode())
        for name, part in self.parts.items():
            for key, value in part.state_dict().items():
                digest.update(f"{name}.{key} {value.dtype} {tuple(value.shape)}\n".encode())
                digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()[:32]
