"""What a run's policy predicts at a frame of a dataset; the last policy that was asked is kept loaded."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.policies.base import Policy


class Predictor:
    """One policy at a time, on the CPU: a training that is going on keeps its accelerator to itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._policy: Policy | None = None

    def chunk(self, run: Path, dataset: Dataset, row: int) -> np.ndarray:
        """(chunk, action_dim) float32, the dataset's own units: predicted from what is seen at `row`.

        Raises CheckpointError and ConfigError when the run has no policy, or one for other features than the dataset's.
        """
        import torch

        from understudy.core.rng import Rng
        from understudy.policies.matching import check_features

        with self._lock:
            policy = self._load(run)
            check_features(policy.config, dataset.spec)
            observation = {}
            for name in policy.config.input_features:
                if name in dataset.columns:
                    observation[name] = torch.from_numpy(dataset.columns[name][row : row + 1])
                else:
                    picture = torch.from_numpy(dataset.read_frame(name, row))
                    observation[name] = picture.permute(2, 0, 1)[None]
            chunk: np.ndarray = policy.predict(observation, Rng(0, row))[0].float().numpy()
        return chunk

    def _load(self, run: Path) -> Policy:
        from understudy.policies.pretrained import load_policy

        if self._policy is None or self._path != run:
            self._path, self._policy = run, load_policy(run, "cpu")
        return self._policy
