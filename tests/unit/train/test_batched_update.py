"""Many networks as one computation: each becomes what it would have become alone, up to rounding, and spoils no other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from small_act import small_config
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.policies.base import Policy
from understudy.policies.config import Feature, PolicyConfig
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.train.batched_update import BatchedUpdate
from understudy.train.optim import build_optimizer, flatten_state, restore_state
from understudy.train.step import NonFinite, Update

CPU = torch.device("cpu")
SEEDS = (3, 4, 5)


def act_config() -> PolicyConfig:
    return small_config().model_copy(update={"dropout": 0.0})


def flow_config() -> PolicyConfig:
    inputs = {"observation.state": Feature(type="STATE", shape=(4,))}
    small = {"dim_model": 16, "dim_feedforward": 32, "n_layers": 1, "n_state_layers": 1, "dim_state": 16}
    outputs = {"action": Feature(type="ACTION", shape=(1,))}
    return TinyPi0Config.model_validate({"input_features": inputs, "output_features": outputs} | small)


CONFIGS: dict[str, Callable[[], PolicyConfig]] = {"act": act_config, "flow": flow_config}


def member(
    config: PolicyConfig, seed: int, *, clip: float = 1.0, dtype: torch.dtype = torch.float32, warmup: int = 0
) -> Update:
    torch.manual_seed(seed)
    policy = config.build(config.fake_statistics()).train().to(dtype)
    optimizer = build_optimizer(policy, config.optimizer_preset(), use_groups=True, fused=True)
    schedule = LambdaLR(optimizer, lambda n: 1 / (1 + n + seed)) if warmup else None
    return Update(policy, optimizer, schedule, clip=clip, precision="fp32", seed=seed, device=CPU)


def batches_of(config: PolicyConfig, seed: int, step: int, *, count: int = 1, double: bool = False) -> list[Batch]:
    found = [config.fake_batch(6, seed=1000 * seed + 10 * step + i) for i in range(count)]
    if double:
        found = [
            dataclasses.replace(b, observation={n: x.double() for n, x in b.observation.items()}, action=b.action.double())
            for b in found
        ]  # fmt: skip
    return found


def weights(update: Update) -> Tensor:
    return torch.cat([p.detach().flatten() for p in update.policy.parameters()])


def greatest_difference(one: Update, other: Update) -> float:
    return float((weights(one) - weights(other)).abs().max())


def train_alone(update: Update, config: PolicyConfig, steps: range, **options: int | bool) -> None:
    for step in steps:
        update(batches_of(config, update.seed, step, **options), step)  # type: ignore[arg-type]


def train_together(update: BatchedUpdate, config: PolicyConfig, steps: range, **options: int | bool) -> None:
    for step in steps:
        batches = [batches_of(config, m.seed, step, **options) for m in update.members]  # type: ignore[arg-type]
        assert update(batches, [step] * len(batches)) == []


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """What policies convert to float32 becomes float64, so that only what is wrong can differ."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    normal, uniform = Rng.normal, Rng.uniform
    monkeypatch.setattr(Rng, "normal", lambda *a, dtype=None, **k: normal(*a, **k).double())
    monkeypatch.setattr(Rng, "uniform", lambda *a, dtype=None, **k: uniform(*a, **k).double())


@pytest.mark.parametrize("count", [1, 2], ids=["one batch", "two batches an update"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_in_double_each_network_is_the_one_trained_alone(kind: str, count: int, in_double: None) -> None:
    config = CONFIGS[kind]()
    alone = [member(config, seed, dtype=torch.float64, warmup=2) for seed in SEEDS]
    together = [member(config, seed, dtype=torch.float64, warmup=2) for seed in SEEDS]
    update = BatchedUpdate(together)
    train_together(update, config, range(6), count=count, double=True)
    for one, other in zip(alone, together, strict=True):
        train_alone(one, config, range(6), count=count, double=True)
        assert greatest_difference(one, other) < 1e-9
        print(greatest_difference(one, other))


@pytest.mark.parametrize("kind", CONFIGS)
def test_in_float32_each_network_is_the_one_trained_alone(kind: str) -> None:
    config = CONFIGS[kind]()
    alone, together = ([member(config, seed) for seed in SEEDS] for _ in range(2))
    update = BatchedUpdate(together)
    train_together(update, config, range(10))
    for one, other in zip(alone, together, strict=True):
        train_alone(one, config, range(10))
        d=(weights(one) - weights(other)).abs()
        print(greatest_difference(one, other), d.mean(), (d>1e-5).sum(), d.numel(), one.window.means(), other.window.means())
