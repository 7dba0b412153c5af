"""Policies that need no training. One that was trained has to beat them, or it has learnt nothing.

    hold      the action executed just before the window, repeated
    mean      the mean action of the training episodes, whatever is seen
    nearest   what was done after the training frame with the most similar state (nearest.py)

Nothing is executed before the first frame of an episode, so `hold` has no answer there; that frame is left out of the
measurement, for the policy and for all baselines, so that all are measured on the same windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from understudy.policies.action_error import ActionError, action_error

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.policies.base import Policy


def hold(dataset: Dataset, rows: np.ndarray, steps: int) -> Tensor:
    """(B, steps, A): the action of the frame before each of `rows`; none of them may be the first of its episode."""
    assert (dataset.frame_index[rows] > 0).all()
    before = torch.from_numpy(np.ascontiguousarray(dataset.columns["action"][rows - 1]))
    return before[:, None].expand(-1, steps, -1)


def mean_action(policy: Policy) -> Tensor | None:
    """(A,): the mean the policy normalises actions by, taken over its training data; None if it was never stored."""
    mean = policy.normalizer.statistics.get("action", {}).get("mean")
    return None if mean is None else torch.as_tensor(np.asarray(mean), dtype=torch.float32)


def untrained(policy: Policy, dataset: Dataset, rows: np.ndarray, steps: int) -> dict[str, Tensor]:
    """hold and, if the policy knows it, mean -> (B, steps, A) for the windows at `rows`."""
    chunks = {"hold": hold(dataset, rows, steps)}
    mean = mean_action(policy)
    if mean is not None:
        chunks["mean"] = mean.expand(len(rows), steps, -1)
    return chunks


def add_errors(errors: dict[str, ActionError], chunks: Mapping[str, Tensor], actual: Tensor, is_pad: Tensor) -> None:
    """Add the error of each one's chunks (B, S, A) on some windows to its error so far."""
    for name, predicted in chunks.items():
        error = action_error(predicted, actual, is_pad)
        errors[name] = errors[name] + error if name in errors else error
