"""Whether networks can be trained as one computation, found out by trying, with nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from small_act import small_config
from understudy.policies.config import Feature, PolicyConfig
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.policies.tiny_pi0.model import TinyPi0
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.train import batched_choice
from understudy.train.batched_choice import Tried, obstacle, try_together
from understudy.train.config import TrainConfig
from understudy.train.dataset_config import DatasetConfig

PENDULUM = {
    "input_features": {"observation.state": Feature(type="STATE", shape=(4,))},
    "output_features": {"action": Feature(type="ACTION", shape=(1,))},
    "device": "cpu",
}
NO_DROPOUT = {"dropout": 0.0, "logit_dropout": 0.0, "state_dropout": 0.0}


def config_of(policy: PolicyConfig, **options: Any) -> TrainConfig:
    data = DatasetConfig(repo_id="u/n")
    values = {"precision": "fp32", "compile": "off", "batch_size": 4} | options
    return TrainConfig.model_validate({"dataset": data, "policy": policy} | values)


@pytest.mark.parametrize(
    "policy",
    [
        TinyPi0Config.model_validate(PENDULUM),
        TinyPi0Config.model_validate(PENDULUM | {"preset": "original", "dropout": 0.0}),
        TinyPi0FastConfig.model_validate(PENDULUM),
        TinyPi0FastConfig.model_validate(PENDULUM | {"preset": "original"} | NO_DROPOUT),
        small_config().model_copy(update={"dropout": 0.0, "device": "cpu"}),
    ],
    ids=["pi0", "original pi0", "FAST", "original FAST", "ACT"],
)
def test_every_policy_without_dropout_can_be_trained_many_at_a_time(policy: PolicyConfig) -> None:
    assert obstacle(config_of(policy), policy) is None


@pytest.mark.parametrize(
    "policy",
    [
        TinyPi0Config.model_validate(PENDULUM | {"dropout": 0.1}),
        TinyPi0FastConfig.model_validate(PENDULUM | {"preset": "original"} | NO_DROPOUT | {"logit_dropout": 0.1}),
        small_config().model_copy(update={"device": "cpu"}),
    ],
    ids=["pi0", "FAST", "ACT"],
)
def test_with_dropout_they_cannot(policy: PolicyConfig) -> None:
    assert "dropout draws differ" in (obstacle(config_of(policy), policy) or "")


def test_a_loss_that_asks_for_the_value_of_a_number_cannot_be_computed_for_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def loss_given(self: TinyPi0, batch: Any, draws: Any) -> Any:
        return self.normalizer if bool((batch.action > 0).all()) else None

    monkeypatch.setattr(TinyPi0, "loss_given", loss_given)
    policy = TinyPi0Config.model_validate(PENDULUM)
    assert "cannot be computed for many networks at once" in (obstacle(config_of(policy), policy) or "")


def test_policies_that_read_are_trained_one_by_one() -> None:
    policy = SmolVlaConfig.tiny()
    assert "tasks of other lengths" in (obstacle(config_of(policy), policy) or "")


def test_a_compiled_step_is_that_of_one_network() -> None:
    policy = TinyPi0Config.model_validate(PENDULUM)
    assert "--compile=on" in (obstacle(config_of(policy, compile="on"), policy) or "")


def test_trying_leaves_threads_and_torchs_generators_as_they_were() -> None:
    policy = TinyPi0Config.model_validate(PENDULUM)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    tried = try_together(config_of(policy), policy, 2, threads_alone=threads + 1, threads_together=threads + 2)
    assert tried.alone_s > 0 and (tried.together_s or 0) > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_many_of_what_keeps_the_machine_busy_are_not_even_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_choice, "_seconds", lambda update, device: 1.0)
    monkeypatch.setattr(batched_choice, "BatchedUpdate", None)
    policy = TinyPi0Config.model_validate(PENDULUM)
    assert try_together(config_of(policy), policy, 2, threads_alone=1, threads_together=1) == Tried(1.0, None)
