"""One process of an evaluation, called without the process around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import toy_env
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.simulation.config import PolicyOptions
from understudy.evaluate.simulation.subject import subject_of
from understudy.evaluate.simulation.worker import Player, serve


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_env.in_workers(monkeypatch)


def setup_of(options: PolicyOptions, task: str = "toy/reach", **more: Any) -> dict[str, Any]:
    return {
        "env": EnvConfig(type=task, width=32, height=32).model_dump(mode="json"),
        "policy": subject_of(options).setup,
        **more,
    }


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> PolicyOptions:
    return PolicyOptions(path=str(toy_env.toy_policy(tmp_path_factory.mktemp("policies") / "policy")))


def unmeasured(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer["record"].items() if key != "measured"}


def test_an_episode_does_not_depend_on_those_before_it(policy: PolicyOptions) -> None:
    fresh, used = serve(setup_of(policy)), serve(setup_of(policy))
    for seed in (1, 2, 3):
        used({"seed": seed})
    assert unmeasured(fresh({"seed": 7})) == unmeasured(used({"seed": 7}))


def test_a_policy_predicts_as_often_as_it_was_told(policy: PolicyOptions) -> None:
    def predictions(options: PolicyOptions) -> tuple[int, int]:
        record = serve(setup_of(options))({"seed": 1})["record"]
        return record["steps"], len(record["measured"]["latencies_s"])

    assert predictions(policy) == (30, 6)
    assert predictions(policy.model_copy(update={"n_action_steps": 5})) == (30, 6)
    often = PolicyOptions(path=policy.path, n_action_steps=2)
    assert predictions(often) == (30, 15)
    assert predictions(PolicyOptions(path=policy.path, temporal_ensemble_coeff=0.01)) == (30, 30)


def test_the_mean_action_of_a_policys_data_can_be_evaluated(policy: PolicyOptions) -> None:
    player = Player(setup_of(PolicyOptions(path=policy.path, type="mean")))
    player.actor.reset(player.env, 1)
    from understudy.policies.pretrained import load_policy

    mean = load_policy(str(policy.path), "cpu").normalizer.statistics["action"]["mean"]
    np.testing.assert_array_equal(player.actor.act(), np.asarray(mean, np.float64))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "which policy"),
        ({"type": "expert", "path": "x"}, "give one of them"),
        ({"type": "mean"}, "needs --policy.path"),
        ({"type": "hold", "n_action_steps": 3}, "predicts nothing"),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], told: str) -> None:
    from understudy.core.errors import ConfigError

    with pytest.raises(ConfigError, match=told):
        subject_of(PolicyOptions(**options))
