"""Two policies that need no training. One that was trained has to beat both, or it has learnt nothing.

    hold    the action executed just before the window, repeated
    mean    the mean action of the training episodes, whatever is seen

Nothing is executed before the first frame of an episode, so `hold` has no answer there; that frame is left out of the
measurement, for the policy and for both baselines, so that all three are measured on the same windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

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
