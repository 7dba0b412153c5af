"""Who acts: references that need no training, and a policy that looks only when it is about to predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from toy_env import CAMERA, ToyEnvironment, toy_policy
from understudy.envs.catalogue import EnvConfig
from understudy.policies.pretrained import load_policy
from understudy.rollout.actors import HoldActor, MeanActor, PolicyActor, RandomActor
from understudy.rollout.episode import run_episode


def world(size: int = 32) -> ToyEnvironment:
    return ToyEnvironment("toy/reach", EnvConfig(type="toy/reach", width=size, height=size))


def test_holding_is_staying_where_it_began() -> None:
    env, actor = world(), HoldActor()
    env.begin(3)
    actor.reset(env, 3)
    start = env.joints.copy()
    env.advance(actor.act())
    env.advance(actor.act())
    np.testing.assert_allclose(env.joints, start, atol=1e-6)


def test_holding_where_the_action_is_no_position_is_doing_nothing() -> None:
    env, actor = world(), HoldActor()
    state = env.task.features["observation.state"]
    env.task.features["observation.state"] = type(state)(state.name, state.type, (2,), ("a", "b"))
    env.begin(3)
    actor.reset(env, 3)
    np.testing.assert_array_equal(actor.act(), [0.0, 0.0])


def test_random_actions_stay_within_the_limits_and_follow_from_the_seed() -> None:
    env, actor = world(), RandomActor()

    def actions(seed: int) -> np.ndarray:
        env.begin(seed)
        actor.reset(env, seed)
        return np.stack([actor.act() for _ in range(200)])

    first, other, again = actions(1), actions(2), actions(1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(first).max() <= 1
    assert np.abs(first).max() > 0.9


def test_the_mean_action_is_given_whatever_is_seen() -> None:
    env, actor = world(), MeanActor(np.array([0.25, -0.25]))
    actor.reset(env, 1)
    np.testing.assert_array_equal(actor.act(), [0.25, -0.25])


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_policy(tmp_path_factory.mktemp("policies") / "policy")


def test_a_policy_looks_only_when_it_is_about_to_predict(policy: Path) -> None:
    env = world()
    run_episode(env, PolicyActor(load_policy(policy, "cpu")), 1)
    # 30 steps, 5 actions of each chunk
    assert env.looks == [["observation.state", CAMERA]] * 6 or env.looks == [[CAMERA, "observation.state"]] * 6


def test_what_a_policy_calls_otherwise_is_looked_at_under_the_tasks_name(policy: Path) -> None:
    loaded = load_policy(policy, "cpu")
    env = world()
    plain = run_episode(env, PolicyActor(loaded), 1)
    renamed = ToyEnvironment("toy/reach", EnvConfig(type="toy/reach", width=32, height=32))
    camera = renamed.task.features.pop(CAMERA)
    renamed.task.features["observation.images.top"] = type(camera)("observation.images.top", camera.type, camera.shape)
    loaded.rename_map = {"observation.images.top": CAMERA}
    again = run_episode(renamed, PolicyActor(loaded), 1)
    assert (again.progress, again.steps) == (plain.progress, plain.steps)
    assert "observation.images.top" in renamed.looks[0]
