from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from known_policies import Constant, config_for
from make_dataset import make_dataset
from understudy.data.lerobot import Dataset, load_dataset
from understudy.evaluate.heldout import evaluate
from understudy.evaluate.horizon_choice import HorizonChoice, Setting, Trial, Trials, settings_to_try
from understudy.policies.act.config import ActConfig
from understudy.policies.config import Horizon
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.tiny_pi0.config import TinyPi0Config

STEPS = 10


def demonstration(frames: int = 60) -> np.ndarray:
    return np.stack([np.sin(np.arange(frames) / 9), np.cos(np.arange(frames) / 7)], axis=1)


def chunks_of(truth: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(T, S, A): the truth ahead of each frame plus an error (T, S) that both joints share."""
    ahead = np.minimum(np.arange(len(truth))[:, None] + np.arange(STEPS), len(truth) - 1)
    return (truth[ahead] + error[..., None]).astype(np.float32)


def chosen(error: np.ndarray, horizon: Horizon) -> HorizonChoice:
    truth = demonstration()
    trials = Trials(horizon, np.ones(2))
    trials.add(3, chunks_of(truth, error), truth)
    found = trials.result()
    assert found is not None
    return found


def trial(choice: HorizonChoice, setting: Setting) -> Trial:
    return next(each for each in choice.trials if each.setting == setting)


def test_a_policy_that_errs_far_ahead_is_told_to_execute_less() -> None:
    growing = np.broadcast_to(np.arange(STEPS) * 0.1, (60, STEPS))
    choice = chosen(growing, Horizon(STEPS, STEPS))
    assert choice.recommended.setting == Setting(1)
    assert trial(choice, Setting(1)).error == pytest.approx(0, abs=1e-6)
    assert trial(choice, Setting(STEPS)).error == pytest.approx(0.45, abs=1e-6)
    assert "n_action_steps=1 serves better" in choice.verdict()[0]
    assert "0.450" in choice.verdict()[0]


def test_predictions_that_flicker_are_told_to_be_averaged() -> None:
    flicker = np.random.default_rng(0).normal(size=(60, 1)) * 0.3 * np.ones((1, STEPS))
    choice = chosen(flicker, Horizon(STEPS, 1, can_ensemble=True))
    best = choice.recommended
    assert best.setting.temporal_ensemble_coeff is not None
    assert best.error < 0.6 * choice.configured.error
    assert best.roughness < 0.3 * choice.configured.roughness


def test_of_settings_with_equal_error_the_smooth_one_is_taken() -> None:
    # each chunk is off by as much, to one side or the other: executed whole it keeps to its side
    sides = np.where(np.arange(60)[:, None] % 2, 0.3, -0.3) * np.ones((1, STEPS))
    trials = Trials(Horizon(STEPS, 1), np.ones(2))
    truth = demonstration()
    trials.add(0, chunks_of(truth, sides), truth)
    found = trials.result()
    assert found is not None
    plain = [each for each in found.trials if each.setting.temporal_ensemble_coeff is None]
    best = HorizonChoice([0], 60, plain, found.configured).recommended
    assert found.configured.error == pytest.approx(best.error, rel=1e-3)
    assert best.setting != Setting(1)
    assert best.roughness < 0.1 * found.configured.roughness


def test_a_configured_setting_that_is_as_good_is_left_alone() -> None:
    choice = chosen(np.zeros((60, STEPS)), Horizon(STEPS, 5))
    assert choice.recommended is choice.configured
    assert choice.configured.roughness == pytest.approx(1, rel=1e-3)


def test_no_preference_is_claimed_where_every_setting_does_the_same() -> None:
    constant = np.full((60, STEPS), 0.2)
    choice = chosen(constant, Horizon(STEPS, 5))
    assert choice.recommended is choice.configured
    assert "no difference" in choice.verdict()[0]


def test_the_configured_setting_is_always_among_those_tried() -> None:
    assert Setting(7) in settings_to_try(Horizon(50, 7))
    assert Setting(1, 0.33) in settings_to_try(Horizon(50, 1, 0.33))
    assert all(setting.n_action_steps <= 50 for setting in settings_to_try(Horizon(50, 7)))
    assert Setting(50) in settings_to_try(Horizon(50, 7))


def test_only_what_the_policy_can_be_set_to_is_tried() -> None:
    for config in (ActConfig.tiny(), SmolVlaConfig.tiny(), TinyPi0Config.tiny()):
        tried = settings_to_try(config.horizon())
        averaged = any(setting.temporal_ensemble_coeff is not None for setting in tried)
        assert averaged == ("temporal_ensemble_coeff" in type(config).model_fields), config.type
    assert Setting(1, 0.01) in settings_to_try(ActConfig.tiny().horizon())


def test_a_policy_of_single_actions_has_nothing_to_choose() -> None:
    assert settings_to_try(Horizon(1, 1)) == []


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load_dataset(str(make_dataset(tmp_path / "set", frames=(16, 19, 17), cameras=(), action_dim=3)))


def test_validation_episodes_alone_are_chosen_by(dataset: Dataset) -> None:
    policy = Constant(config_for(dataset.spec), 0.2)
    both = evaluate(policy, dataset, episodes=[0, 2], validation=[2], probe_frames=0)
    alone = evaluate(policy, dataset, episodes=[2], validation=[2], probe_frames=0)
    assert both.horizon_choice is not None
    assert both.horizon_choice.episodes == [2]
    assert both.horizon_choice == alone.horizon_choice
    document = json.loads(json.dumps(both.to_json(), allow_nan=False))["horizon_choice"]
    assert document["configured"]["n_action_steps"] == 2
    assert "errors do not build up" in document["caveat"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "no validation episode"),
        ({"validation": [1], "episodes": [0, 2]}, "no validation episode"),
        ({"validation": [1], "max_frames": 5}, "every frame"),
    ],
)
def test_where_nothing_may_be_chosen_the_reason_is_told(dataset: Dataset, more: dict, why: str) -> None:
    result = evaluate(Constant(config_for(dataset.spec)), dataset, probe_frames=0, **more)
    assert result.horizon_choice is None
    assert why in result.absent["horizon_choice"]


def test_single_actions_are_a_reason_of_their_own(dataset: Dataset) -> None:
    config = config_for(dataset.spec, chunk_size=1, n_action_steps=1)
    result = evaluate(Constant(config), dataset, validation=[0, 1, 2], probe_frames=0)
    assert "one action at a time" in result.absent["horizon_choice"]
