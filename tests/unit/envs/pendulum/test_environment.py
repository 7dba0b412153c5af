from __future__ import annotations

import numpy as np
import pytest

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.envs.catalogue import EnvConfig, make_env
from understudy.envs.pendulum.environment import Pendulum
from understudy.rollout.actors import ExpertActor, HoldActor, RandomActor
from understudy.rollout.episode import run_episode


def test_the_expert_keeps_the_pole_up_and_progress_ends_at_one() -> None:
    episode = run_episode(make_env("pendulum/noisy"), ExpertActor(), seed=3)
    assert (episode.success, episode.steps, episode.progress, episode.reason) == (True, 100, 1.0, "success")


def test_doing_nothing_lets_the_pole_fall_and_progress_is_the_share_of_steps_it_stood() -> None:
    episode = run_episode(make_env("pendulum/calm"), HoldActor(), seed=3)
    assert not episode.success
    assert episode.reason == "the pole fell"
    assert episode.progress == (episode.steps - 1) / 100


def test_a_fall_in_the_very_last_step_is_no_success() -> None:
    fell_at = run_episode(make_env("pendulum/calm"), HoldActor(), seed=3).steps
    episode = run_episode(make_env(EnvConfig(type="pendulum/calm", horizon=fell_at)), HoldActor(), seed=3)
    assert (episode.success, episode.steps) == (False, fell_at)
    assert episode.progress < 1
    shorter = run_episode(make_env(EnvConfig(type="pendulum/calm", horizon=fell_at - 1)), HoldActor(), seed=3)
    assert shorter.success


@pytest.mark.parametrize("name", ["pendulum/calm", "pendulum/noisy"])
def test_the_same_seed_is_the_same_episode_whatever_ran_before(name: str) -> None:
    env = make_env(name)
    assert isinstance(env, Pendulum)
    first = _course(env, 5)
    _course(env, 6)
    assert np.array_equal(_course(env, 5), first)
    assert not np.array_equal(_course(env, 7)[: len(first)], first)


def test_noise_moves_the_cart_only_where_it_is_asked_for() -> None:
    calm = make_env("pendulum/calm")
    assert isinstance(calm, Pendulum)
    silenced = make_env(EnvConfig(type="pendulum/noisy", noise=0))
    noisy = make_env("pendulum/noisy")
    assert isinstance(silenced, Pendulum) and isinstance(noisy, Pendulum)
    assert np.array_equal(_course(calm, 1), _course(silenced, 1))
    assert not np.array_equal(_course(calm, 1)[1], _course(noisy, 1)[1])
    assert (calm.task.settings["noise"], noisy.task.settings["noise"]) == (0.0, 0.05)


def test_a_calm_course_says_when_it_converged() -> None:
    env = make_env("pendulum/calm")
    assert isinstance(env, Pendulum)
    angles = _course(env, 2)[1:, 1]
    calm = np.abs(angles) < 0.02
    windows = [i for i in range(len(calm) - 9) if calm[i : i + 10].all()]
    assert windows
    assert env.course.converged_at.tolist() == [windows[0]]


def test_gymnasiums_interface_ends_with_reward_one() -> None:
    env = make_env("pendulum/calm")
    observation, info = env.reset(seed=4)
    assert info == {"task": "keep the pole upright"}
    expert = env.expert()
    expert.reset(Rng(4))
    done, reward = False, 0.0
    while not done:
        assert env.observation_space.contains(observation)
        observation, reward, done, truncated, info = env.step(expert.act())
        assert not truncated
    assert (reward, info["is_success"]) == (1.0, True)


def test_a_camera_is_refused() -> None:
    with pytest.raises(ConfigError, match="no cameras, front cannot be seen"):
        make_env(EnvConfig(type="pendulum/calm", cameras=["front"]))


def test_gains_drawn_anew_give_another_demonstration_of_the_same_start() -> None:
    env = make_env("pendulum/calm")
    assert isinstance(env, Pendulum)
    plain, drawn, again = env.expert(), env.expert(gain_spread=0.1), env.expert(gain_spread=0.1)
    env.begin(0)
    for expert in (plain, drawn, again):
        expert.reset(Rng(8))
    action = drawn.act()
    assert action == again.act()
    assert action != plain.act()


def test_the_picture_shows_where_the_pole_is() -> None:
    env = make_env("pendulum/calm")
    assert isinstance(env, Pendulum)
    env.state = np.array([0.0, 0.3, 0, 0])
    right = env.picture(120, 90)
    env.state = np.array([0.0, -0.3, 0, 0])
    left = env.picture(120, 90)
    assert right.shape == (90, 120, 3) and right.dtype == np.uint8
    orange = (right[..., 0] > 180) & (right[..., 2] < 120)
    assert orange[:, 60:].sum() > 10 * orange[:, :60].sum()
    assert not np.array_equal(left, right)


def _course(env: Pendulum, seed: int) -> np.ndarray:
    """(steps + 1, 4): the states of the expert's episode; of the random actor's for an odd seed."""
    actor = RandomActor() if seed % 2 else ExpertActor()
    states = []
    run_episode(env, actor, seed, watch=lambda *_: states.append(env.state))
    return np.array([*states, env.state])
