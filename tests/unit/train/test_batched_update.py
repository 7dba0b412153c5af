"""Many networks as one computation: each becomes what it would have become alone, up to rounding."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from small_act import small_config
from understudy.core.rng import Rng
from understudy.data.spec import Batch
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
    config: PolicyConfig,
    seed: int,
    *,
    clip: float = 1.0,
    dtype: torch.dtype = torch.float32,
    warmup: int = 0,
    device: torch.device = CPU,
) -> Update:
    torch.manual_seed(seed)
    policy = config.build(config.fake_statistics()).train().to(device, dtype)
    optimizer = build_optimizer(policy, config.optimizer_preset(), use_groups=True, fused=True)
    schedule = LambdaLR(optimizer, lambda n: 1 / (1 + n + seed)) if warmup else None
    return Update(policy, optimizer, schedule, clip=clip, precision="fp32", seed=seed, device=device)


def batches_of(config: PolicyConfig, seed: int, step: int, *, count: int = 1, double: bool = False) -> list[Batch]:
    found = [config.fake_batch(6, seed=1000 * seed + 10 * step + i) for i in range(count)]
    if double:
        found = [
            dataclasses.replace(
                b, observation={n: x.double() for n, x in b.observation.items()}, action=b.action.double()
            )
            for b in found
        ]
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
        assert greatest_difference(one, other) < 1e-12


@pytest.mark.parametrize("kind", CONFIGS)
def test_in_float32_each_network_is_the_one_trained_alone_up_to_rounding(kind: str) -> None:
    config = CONFIGS[kind]()
    alone, together = ([member(config, seed) for seed in SEEDS] for _ in range(2))
    train_together(BatchedUpdate(together), config, range(10))
    for one, other in zip(alone, together, strict=True):
        train_alone(one, config, range(10))
        found = [p.detach() for p in other.policy.parameters()]
        for (name, wanted), weight in zip(one.policy.named_parameters(), found, strict=True):
            difference = (wanted.detach() - weight).abs()
            if name.endswith("in_proj_bias"):
                # attention does not depend on the bias of its keys: there the gradient is rounding, and AdamW makes
                # steps of the learning rate of it, here as well as alone
                difference[len(difference) // 3 : 2 * len(difference) // 3] = 0
            assert float(difference.max()) < 2e-5, name
        assert one.window.means() == pytest.approx(other.window.means(), rel=1e-4)


def test_gradients_are_clipped_by_each_networks_own_norm() -> None:
    config = flow_config()
    one, *others = (member(config, seed, clip=0.5) for seed in SEEDS)
    with torch.no_grad():
        for parameter in others[0].policy.parameters():
            parameter.mul_(100)  # so that one norm is far above the others
    update = BatchedUpdate([one, *others])
    train_together(update, config, range(2))
    norms = [m.window.means()["grad_norm"] for m in update.members]
    assert norms[1] > 100 * norms[0]
    alone = member(config, SEEDS[0], clip=0.5)
    train_alone(alone, config, range(2))
    assert greatest_difference(one, alone) < 1e-4


def test_what_is_saved_of_a_network_is_what_one_trained_alone_would_save_and_goes_on_alone() -> None:
    config = flow_config()
    together = [member(config, seed) for seed in SEEDS]
    update = BatchedUpdate(together)
    train_together(update, config, range(3))
    alone = member(config, SEEDS[1])
    train_alone(alone, config, range(3))
    saved, expected = flatten_state(together[1].optimizer), flatten_state(alone.optimizer)
    assert saved.keys() == expected.keys()
    assert all(saved[name].shape == expected[name].shape for name in saved)
    assert all(float(saved[name]) == 3 for name in saved if name.endswith("/step"))
    resumed = member(config, SEEDS[1])
    resumed.policy.load_state_dict(together[1].policy.state_dict())
    restore_state(resumed.optimizer, {name: tensor.clone() for name, tensor in saved.items()})
    train_alone(resumed, config, range(3, 5))
    train_together(update, config, range(3, 5))
    assert greatest_difference(resumed, together[1]) < 1e-4


def test_networks_go_on_together_bit_for_bit_though_one_has_made_fewer_updates() -> None:
    config = flow_config()
    straight = [member(config, seed) for seed in SEEDS]
    update = BatchedUpdate(straight)
    stored = []
    for step in range(4):
        if step in (1, 2):
            network = straight[step].policy.state_dict()
            state = flatten_state(straight[step].optimizer)
            stored.append([{n: t.clone() for n, t in found.items()} for found in (network, state)])
        train_together(update, config, range(step, step + 1))
    again = [member(config, seed) for seed in SEEDS]
    for number, (network, state) in zip((1, 2), stored, strict=True):
        again[number].policy.load_state_dict(network)
        restore_state(again[number].optimizer, state)
    update = BatchedUpdate(again)
    for ahead in range(2):
        steps = [ahead, 1 + ahead, 2 + ahead]
        update([batches_of(config, m.seed, s) for m, s in zip(update.members, steps, strict=True)], steps)
    assert torch.equal(weights(again[2]), weights(straight[2]))


def test_those_that_are_left_go_on_when_one_drops_out() -> None:
    config = flow_config()
    members, alone = ([member(config, seed) for seed in SEEDS] for _ in range(2))
    train_together(BatchedUpdate(members), config, range(2))
    frozen = weights(members[1])
    train_together(BatchedUpdate([members[0], members[2]]), config, range(2, 5))
    assert torch.equal(weights(members[1]), frozen)
    for number in (0, 2):
        train_alone(alone[number], config, range(5))
        assert greatest_difference(alone[number], members[number]) < 1e-3


def test_a_loss_that_is_not_finite_stops_that_network_only_and_spoils_no_weight() -> None:
    config = flow_config()
    members = [member(config, seed) for seed in SEEDS]
    update = BatchedUpdate(members)
    train_together(update, config, range(1))
    batches = [batches_of(config, seed, 1) for seed in SEEDS]
    batches[1][0].action[0, 0] = float("nan")
    before = [weights(m) for m in members]
    assert update(batches, [1, 1, 1]) == [1]
    assert torch.equal(weights(members[1]), before[1])
    assert not torch.equal(weights(members[0]), before[0])
    assert all(torch.isfinite(weights(m)).all() for m in members)
    with pytest.raises(NonFinite):
        members[1].window.raise_if_not_finite()


@pytest.mark.gpu
def test_on_a_gpu_each_network_is_the_one_trained_alone() -> None:
    if not torch.cuda.is_available():
        pytest.skip("NOT RUN: there is no GPU")
    device = torch.device("cuda")
    config = flow_config().model_copy(update={"device": "cuda"})
    alone, together = ([member(config, seed, device=device) for seed in SEEDS] for _ in range(2))
    train_together(BatchedUpdate(together), config, range(5))
    for one, other in zip(alone, together, strict=True):
        train_alone(one, config, range(5))
        assert greatest_difference(one, other) < 5 * config.optimizer_preset().lr
        assert one.window.means()["loss"] == pytest.approx(other.window.means()["loss"], rel=1e-3)
