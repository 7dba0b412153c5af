"""Policies whose answers are known, so that what is measured of them can be worked out by hand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from understudy.core.rng import Rng
from understudy.data.spec import DatasetSpec, Statistics
from understudy.nn.normalize import Normalizer
from understudy.policies.base import Policy
from understudy.policies.config import Feature, Horizon, PolicyConfig


class KnownConfig(PolicyConfig):
    """Predicts `chunk_size` actions."""

    type: str = "known"
    chunk_size: int = 4
    n_action_steps: int = 2

    def action_offsets(self) -> list[int]:
        return list(range(self.chunk_size))

    def horizon(self) -> Horizon:
        return Horizon(self.chunk_size, self.n_action_steps)


def config_for(spec: DatasetSpec, **more: int) -> KnownConfig:
    """A configuration whose features are those of the dataset."""

    def features(found: dict) -> dict[str, Feature]:
        return {name: Feature(type=f.type, shape=f.shape) for name, f in found.items()}

    return KnownConfig(input_features=features(spec.inputs()), output_features=features(spec.outputs()), **more)


class Constant(Policy):
    """Always predicts `value`, and remembers in which mode and of how many windows it was asked."""

    is_stochastic: ClassVar[bool] = False

    def __init__(self, config: KnownConfig, value: float = 0.0, statistics: Statistics | None = None) -> None:
        super().__init__()
        self.config = config
        self.size = config.output_features["action"].shape[0]
        if statistics is None:
            statistics = {"action": {"mean": np.full(self.size, 0.5), "std": np.full(self.size, 2.0)}}
        self.normalizer = Normalizer(statistics, {})
        self.value = torch.nn.Parameter(torch.tensor(value))
        self.asked: list[tuple[bool, int]] = []

    def predict(self, observation: dict[str, Tensor], rng: Rng | None = None) -> Tensor:
        count = len(next(iter(observation.values())))
        self.asked.append((self.training, count))
        return self.value.expand(count, self.config.chunk_size, self.size)


class Oracle(Constant):
    """Predicts exactly what was demonstrated after the frame with this state; states must differ from one another."""

    def __init__(self, config: KnownConfig, state: np.ndarray, action: np.ndarray) -> None:
        super().__init__(config)
        self.row_of = {row.tobytes(): number for number, row in enumerate(state)}
        self.action = action

    def predict(self, observation: dict[str, Tensor], rng: Rng | None = None) -> Tensor:
        rows = np.array([self.row_of[state.tobytes()] for state in observation["observation.state"].numpy()])
        ahead = rows[:, None] + np.arange(self.config.chunk_size)
        return torch.from_numpy(self.action[np.minimum(ahead, len(self.action) - 1)])
