"""The random state that LeRobot expects in a checkpoint. We write it so that LeRobot can resume; we never read it.

Our own draws are functions of (seed, step, purpose) and need no state (docs/concepts/determinism.md).
"""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor


def current_rng_state() -> dict[str, Tensor]:
    """The live state of Python's, numpy's and torch's global generators, in LeRobot's layout."""
    version, words, _ = random.getstate()
    _, key, position, has_gauss, cached = np.random.get_state(legacy=True)
    state = {
        "py_rng_version": torch.tensor([version], dtype=torch.int64),
        "py_rng_state": torch.tensor(words, dtype=torch.int64),
        "np_rng_state_values": torch.tensor(np.asarray(key, dtype=np.int64)),
        "np_rng_state_index": torch.tensor([int(position)], dtype=torch.int64),
        "np_rng_has_gauss": torch.tensor([int(has_gauss)], dtype=torch.int64),
        "np_rng_cached_gaussian": torch.tensor([float(cached)], dtype=torch.float32),
        "torch_rng_state": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["torch_cuda_rng_state"] = torch.cuda.get_rng_state()
    return state
