"""An environment that shows something else than what is there."""

from __future__ import annotations

import numpy as np
import pytest

from toy_env import CAMERA, ToyEnvironment
from understudy.core.errors import ConfigError
from understudy.data.spec import STATE
from understudy.envs.catalogue import EnvConfig
from understudy.rollout.actors import ExpertActor
from understudy.rollout.episode import run_episode
from understudy.rollout.probes import Veiled, blanked_features


def world() -> ToyEnvironment:
    return ToyEnvironment("toy/reach", EnvConfig(type="toy/reach", width=32, height=32))


def test_a_blank_camera_is_one_colour_for_the_whole_episode() -> None:
    env = Veiled(world(), blank=[CAMERA])
    env.begin(1)
    first = env.look()[CAMERA]
    env.advance(np.ones(2))
    assert first.shape == (32, 32, 3)
    assert len(np.unique(first.reshape(-1, 3), axis=0)) == 1
    np.testing.assert_array_equal(env.look()[CAMERA], first)
    assert not np.array_equal(env.look()[STATE], np.zeros(2))


def test_a_blank_state_is_the_mean_state() -> None:
    env = Veiled(world(), blank=[STATE], mean_state=np.array([0.5, -0.5]))
    env.begin(1)
    np.testing.assert_array_equal(env.look([STATE])[STATE], np.array([0.5, -0.5], np.float32))


def test_shuffled_cameras_show_another_episode_in_which_the_same_is_done() -> None:
    true, other = world(), world()
    env = Veiled(true, other=other)
    env.begin(1)
    assert not np.array_equal(env.look([CAMERA])[CAMERA], true.look([CAMERA])[CAMERA])
    before = other.joints.copy()
    env.advance(np.ones(2))
    assert not np.array_equal(other.joints, before)
    np.testing.assert_array_equal(env.look([CAMERA])[CAMERA], other.look([CAMERA])[CAMERA])
    np.testing.assert_array_equal(env.look([STATE])[STATE], true.look([STATE])[STATE])


def test_success_is_that_of_the_true_world() -> None:
    plain = run_episode(world(), ExpertActor(), 5)
    veiled = run_episode(Veiled(world(), blank=[CAMERA], other=world()), ExpertActor(), 5)
    assert (veiled.success, veiled.steps) == (plain.success, plain.steps)
    assert plain.success


def test_what_to_blank_is_named_in_short() -> None:
    task = world().task
    assert blanked_features(task, None) == []
    assert blanked_features(task, "cameras") == blanked_features(task, "front") == [CAMERA]
    assert blanked_features(task, "state") == [STATE]
    with pytest.raises(ConfigError, match="nothing called `wrist`"):
        blanked_features(task, "wrist")
