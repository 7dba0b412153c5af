"""What a run's policy predicts at a frame of a dataset; the last policy that was asked is kept loaded."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.policies.base import Policy


class Predicted(NamedTuple):
    """A prediction.

    chunk   (chunk, action_dim) float32, the dataset's own units
    task    what the policy was told, in words; "" for one that reads none
    """

    chunk: np.ndarray
    task: str


class Predictor:
    """One policy at a time, on the CPU: a training that is going on keeps its accelerator to itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checkpoint: Path | None = None
        self._policy: Policy | None = None
        self._named: tuple[Dataset, Path, Dataset] | None = None

    def predict(self, run: Path, dataset: Dataset, row: int) -> Predicted:
        """What the newest policy of the run predicts from what is seen at `row`, told the frame's own task.

        dataset   under its own names; what the run renamed is found under the policy's

        Raises CheckpointError and ConfigError when the run has no policy, or one for other features than the dataset's;
        DataError for a picture that cannot be read, and for a task without words where the policy reads.
        """
        import torch

        from understudy.core.rng import Rng
        from understudy.evaluate.predictions import predict
        from understudy.policies.instructed import reads
        from understudy.policies.matching import check_features

        with self._lock:
            policy = self._load(run)
            dataset = self._as_trained(policy, dataset)
            check_features(policy.config, dataset.spec)
            observation = {}
            for name in policy.config.input_features:
                if name in dataset.columns:
                    observation[name] = torch.from_numpy(dataset.columns[name][row : row + 1])
                else:
                    picture = torch.from_numpy(dataset.read_frame(name, row))
                    observation[name] = picture.permute(2, 0, 1)[None]
            task = dataset.tasks[dataset.task_of_row[row]]
            chunk = predict(policy, observation, [task], Rng(0, row))[0].numpy()
        return Predicted(chunk, task if reads(policy.config) else "")

    def _load(self, run: Path) -> Policy:
        """The policy in the newest checkpoint of the run, which may be another one than before."""
        from understudy.policies.places import find_checkpoint
        from understudy.policies.pretrained import load_policy

        checkpoint = find_checkpoint(run).resolve()
        if self._policy is None or self._checkpoint != checkpoint:
            self._policy = None
            self._policy, self._checkpoint = load_policy(checkpoint, "cpu"), checkpoint
        return self._policy

    def _as_trained(self, policy: Policy, dataset: Dataset) -> Dataset:
        """The dataset under the policy's names; read again only where it, or the policy, is another than before."""
        from understudy.data.lerobot import load_dataset

        assert self._checkpoint is not None
        if policy.rename_map.keys().isdisjoint(dataset.info["features"]):
            return dataset
        if self._named is None or self._named[0] is not dataset or self._named[1] != self._checkpoint:
            episodes = [episode.index for episode in dataset.episodes]
            # from the folder, so that nothing is fetched
            renamed = load_dataset(str(dataset.root.resolve()), episodes=episodes, rename_if_there=policy.rename_map)
            self._named = dataset, self._checkpoint, renamed
        return self._named[2]
