"""How far predicted actions are from demonstrated ones: absolute error per joint and per step ahead, padding left out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class ActionError:
    """Sums of absolute errors; add batches, then read means.

    error_sum   (chunk, action_dim) float64, the dataset's own action units
    count       (chunk,) float64: valid windows at each step ahead
    """

    error_sum: Tensor
    count: Tensor

    def __add__(self, other: ActionError) -> ActionError:
        return ActionError(self.error_sum + other.error_sum, self.count + other.count)

    def per_joint(self) -> Tensor:
        """Mean absolute error of each joint over all valid entries: (action_dim,)."""
        return self.error_sum.sum(0) / self.count.sum().clamp(min=1)

    def per_step_ahead(self) -> Tensor:
        """Mean absolute error of each joint at each step ahead: (chunk, action_dim)."""
        return self.error_sum / self.count.clamp(min=1)[:, None]


def action_error(predicted: Tensor, actual: Tensor, is_pad: Tensor) -> ActionError:
    """Errors of a batch: `predicted` and `actual` (batch, chunk, action_dim), `is_pad` (batch, chunk) bool."""
    valid = (~is_pad).to(torch.float64)
    error = (predicted.to(torch.float64) - actual.to(torch.float64)).abs() * valid[..., None]
    return ActionError(error.sum(0), valid.sum(0))
