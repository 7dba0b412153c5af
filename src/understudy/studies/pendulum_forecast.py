"""What a study will take, measured in seconds of trying: a few updates, predictions and episodes on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.rng import Rng
from understudy.core.units import readable_bytes, readable_duration
from understudy.data.spec import STATE, FeatureType
from understudy.policies.config import Feature

from .pendulum_config import PendulumStudy
from .pendulum_recipes import leaking_of, recipe_of, training_of
from .pendulum_trials import GRID, HORIZON

if TYPE_CHECKING:
    from understudy.policies.base import Policy
    from understudy.train.config import TrainConfig

_TRIED, _WARM_UP = 6, 2
# a run, an evaluation or a regression is a process: python, torch and the data have to be there first
_START_UP_S = 8.0
# a checkpoint holds the weights and the optimiser's two moments, in float32, and three lie about at most
_BYTES_PER_PARAMETER = 3 * 3 * 4
_BYTES_PER_EPISODE = 8_000
_BYTES_BESIDE = 20_000_000


@dataclass(frozen=True)
class Forecast:
    """Seconds by the clock of each chapter, and bytes on the disk."""

    seconds: dict[str, float]
    bytes: int

    @property
    def total(self) -> float:
        """All chapters."""
        return sum(self.seconds.values())

    def lines(self) -> list[str]:
        """For the person who waits."""
        chapters = ", ".join(f"{name} {readable_duration(value)}" for name, value in self.seconds.items())
        return [
            f"{'forecast':<10} about {readable_duration(self.total)} from nothing: {chapters}",
            f"{'disk':<10} about {readable_bytes(self.bytes)}",
        ]


def forecast(study: PendulumStudy) -> Forecast:
    """Try everything shortly, and multiply. What has been done already is not taken off."""
    seconds, size = dict[str, float](), _BYTES_BESIDE + study.demonstrations * _BYTES_PER_EPISODE
    rounds = -(-len(study.seeds) // study.jobs)
    evaluation = 0.0
    for family in study.families:
        config = training_of(study, family)
        policy = _policy(config)
        update = _update_s(policy, config.batch_size)
        seconds[family] = rounds * (update * recipe_of(study, family).steps + _START_UP_S)
        evaluation += len(study.seeds) * _evaluation_s(policy, study.episodes)
        size += len(study.seeds) * sum(p.numel() for p in policy.parameters()) * _BYTES_PER_PARAMETER
        if study.leak and family == study.families[0]:
            seconds["leak"] = 2 * (update * leaking_of(study, "episode").steps + _START_UP_S)
    references = _references_s(study)
    seconds["references and evaluation"] = (evaluation + references) / study.jobs + 2 * _START_UP_S
    return Forecast(seconds, size)


def _policy(config: TrainConfig) -> Policy:
    """The policy of a configuration with fresh weights, for the pendulum's features."""
    from understudy.train.batched_choice import fake_policy

    features = {
        "input_features": {STATE: Feature(type=FeatureType.STATE, shape=(4,))},
        "output_features": {"action": Feature(type=FeatureType.ACTION, shape=(1,))},
    }
    return fake_policy(config, config.policy.model_copy(update=features))


def _update_s(policy: Policy, size: int) -> float:
    import torch

    batch = policy.config.fake_batch(size)
    optimizer = torch.optim.AdamW(policy.parameters())

    def update(step: int) -> None:
        optimizer.zero_grad()
        policy.loss(batch, Rng(0, step)).total.backward()
        optimizer.step()

    return _median_s(update)


def _evaluation_s(policy: Policy, episodes: int) -> float:
    """Of one model: its decisions, and the physics between them; drawn and kicked ones are another 4/3 of the grid."""
    import torch

    from understudy.envs.pendulum.batch import run_expert_batch

    states = torch.zeros(episodes, 4)
    decision = _median_s(lambda step: policy.eval().predict({STATE: states}, Rng(0, step)))
    began = time.perf_counter()
    run_expert_batch(range(episodes), noise=0.05)
    physics = time.perf_counter() - began
    decisions = sum(-(-HORIZON // cell.replan) for cell in GRID)
    return 7 / 3 * (decisions * decision + len(GRID) * physics)


def _references_s(study: PendulumStudy) -> float:
    """Two regressions, and six references on all episodes; two of them simulate as many steps ahead as they take."""
    from understudy.envs.pendulum.batch import run_expert_batch

    from .pendulum_mlp import STEPS, train_mlp

    began = time.perf_counter()
    states = np.zeros((1, HORIZON, 4), np.float32)
    train_mlp(states + np.arange(4, dtype=np.float32), states[..., 0] + states[..., 1], loss="l1", steps=20)
    regression = (time.perf_counter() - began) / 20 * (study.regression or STEPS)
    began = time.perf_counter()
    run_expert_batch(range(study.episodes), noise=0.05)
    physics = (time.perf_counter() - began) * len(study.seeds) * len(GRID) * 4 / 3
    return 2 * regression + 8 * physics


def _median_s(work: Callable[[int], object]) -> float:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = []
    try:
        for step in range(_WARM_UP + _TRIED):
            began = time.perf_counter()
            work(step)
            seconds.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return statistics.median(seconds[_WARM_UP:])
