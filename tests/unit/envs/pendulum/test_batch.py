from __future__ import annotations

import numpy as np
import pytest

from understudy.envs.catalogue import EnvConfig, make_env
from understudy.envs.pendulum.batch import run_batch, run_expert_batch
from understudy.envs.pendulum.environment import Pendulum
from understudy.rollout.actors import ExpertActor
from understudy.rollout.episode import run_episode

SEEDS = range(40, 60)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_batch_of_the_expert_is_its_single_episodes_bit_for_bit(noise: float) -> None:
    env = make_env(EnvConfig(type="pendulum/calm", noise=noise))
    assert isinstance(env, Pendulum)
    batch = run_expert_batch(SEEDS, noise=noise)
    for row, seed in enumerate(SEEDS):
        states: list[np.ndarray] = []
        episode = run_episode(env, ExpertActor(), seed, watch=lambda *_, states=states: states.append(env.state))
        assert np.array_equal([*states, env.state], batch.states[row])
        assert (episode.success, episode.steps) == (batch.success[row], batch.steps[row])
        assert env.course.converged_at[0] == batch.converged_at[row]


def test_chunks_are_executed_as_asked_for_and_the_fallen_stay_down() -> None:
    asked: list[np.ndarray] = []

    def predict(states: np.ndarray) -> np.ndarray:
        asked.append(states.copy())
        return np.repeat(2 * states[:, 1:2] + 0.4 * states[:, 3:], 12, axis=1)

    batch = run_batch(predict, seeds=SEEDS, noise=0.05, replan=10, horizon=50)
    for chunk, states in enumerate(asked):
        alive = batch.steps > chunk * 10
        assert np.array_equal(states[alive], batch.states[alive, chunk * 10])
    env = make_env(EnvConfig(type="pendulum/noisy", horizon=50))
    assert isinstance(env, Pendulum)
    assert 0 < batch.success.sum() < len(SEEDS)
    for row, seed in enumerate(SEEDS):
        env.begin(seed)
        for step in range(batch.steps[row]):
            if step % 10 == 0:
                push = 2 * env.state[1:2] + 0.4 * env.state[3:]
            outcome = env.advance(push)
            assert np.array_equal(env.state, batch.states[row, step + 1])
        assert (outcome.over, outcome.success) == (True, batch.success[row])
        assert np.isnan(batch.states[row, batch.steps[row] + 1 :]).all()


def test_how_episodes_are_grouped_changes_nothing() -> None:
    together = run_expert_batch(SEEDS, noise=0.05)
    apart = [run_expert_batch([seed], noise=0.05) for seed in SEEDS]
    assert np.array_equal(together.states, np.concatenate([one.states for one in apart]))


def test_a_chunk_that_is_too_short_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 3\), needed is \(2, 5 or more\)"):
        run_batch(lambda states: np.zeros((len(states), 3)), seeds=[1, 2], noise=0, replan=5)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_expert_succeeds_in_at_least_99_percent_of_1000_episodes_and_converges(noise: float) -> None:
    result = run_expert_batch(range(1000), noise=noise)
    assert result.success.sum() >= 990
    assert (result.converged_at >= 0).mean() > 0.98
