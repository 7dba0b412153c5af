"""Action error: how far predicted actions are from demonstrated ones, per joint and per step ahead.

The arithmetic that validation during training and `understudy eval` share, so that both say the same number.

    error[s, j] = mean over windows w of |predicted[w, s, j] - demonstrated[w, s, j]|      in the dataset's units

Entries past the end of an episode are left out: nothing was demonstrated there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

# a joint that spreads less than this share of the widest one stands still
_STILL = 1e-3

Numbers = TypeVar("Numbers", Tensor, np.ndarray)


@dataclass(frozen=True)
class ActionError:
    """Absolute errors of any number of windows, summed; adding two gives that of both sets of windows.

    total   (S, A) float64, sums over windows
    count   (S,) float64, how many windows have a demonstrated action that many steps ahead
    """

    total: Tensor
    count: Tensor

    def __add__(self, other: ActionError) -> ActionError:
        return ActionError(self.total + other.total, self.count + other.count)

    def per_joint(self) -> Tensor:
        """(A,) mean absolute error of each joint over every demonstrated entry; NaN when there is none."""
        return self.total.sum(0) / self.count.sum()

    def per_step(self) -> Tensor:
        """(S, A) mean absolute error by steps ahead; NaN where no window reaches that far."""
        return self.total / self.count[:, None]


def action_error(predicted: Tensor, actual: Tensor, is_pad: Tensor) -> ActionError:
    """The errors of a batch of windows; on the CPU, whatever the device of the arguments.

    predicted, actual   (B, S, A), the same units
    is_pad              (B, S) bool, true where nothing was demonstrated
    """
    assert predicted.shape == actual.shape, (predicted.shape, actual.shape)
    valid = ~is_pad
    # MPS has no float64: the subtraction is exact enough in float32, the sums are made on the CPU
    error = (predicted.float() - actual.float()).abs().cpu().double()
    valid = valid.cpu()
    return ActionError(torch.where(valid[..., None], error, 0.0).sum(0), valid.double().sum(0))


def is_moving(deviation: Numbers) -> Numbers:
    """(A,) bool: which joints move, by their standard deviations (A,). The others stand still but for noise."""
    moving: Numbers = deviation > _STILL * deviation.max()
    return moving


def in_deviations(error: ActionError, deviation: Tensor) -> float:
    """One number for joints of different units: the mean over joints of error divided by standard deviation.

    1.0 means: as far off, on average, as the actions themselves spread. Joints that stand still are left out: their
    error is noise divided by noise.
    """
    moving = is_moving(deviation)
    return float((error.per_joint()[moving] / deviation[moving].double()).mean())


def overall(error: ActionError, deviation: Tensor | None) -> float:
    """One number to compare by: in standard deviations where they are known, else the plain mean over the joints."""
    return float(error.per_joint().mean()) if deviation is None else in_deviations(error, deviation)
