from __future__ import annotations

import numpy as np
import pytest

from understudy.envs.pendulum.ahead import run_ahead_batch, run_idle_batch
from understudy.envs.pendulum.batch import kick_signs, run_batch, run_expert_batch

SEEDS = range(900_000, 900_030)


def test_looking_at_every_step_ahead_of_time_is_the_closed_loop() -> None:
    ahead, closed = run_ahead_batch(SEEDS, noise=0.05, replan=1), run_expert_batch(SEEDS, noise=0.05)
    assert np.array_equal(ahead.states, closed.states)


@pytest.mark.parametrize("replan", [10, 15])
def test_without_noise_nothing_is_lost_by_not_looking(replan: int) -> None:
    ahead, closed = run_ahead_batch(SEEDS, noise=0.0, replan=replan), run_expert_batch(SEEDS, noise=0.0)
    assert np.array_equal(ahead.states, closed.states)


def test_with_noise_it_stands_and_is_less_calm_than_who_looks() -> None:
    ahead, closed = run_ahead_batch(SEEDS, noise=0.05, replan=15), run_expert_batch(SEEDS, noise=0.05)
    assert ahead.success.all()
    assert closed.success.all()
    assert (ahead.converged_at >= 0).sum() < (closed.converged_at >= 0).sum() == len(SEEDS)


def test_who_answers_imagined_noise_is_less_calm_than_who_imagines_none() -> None:
    clear, troubled = (
        run_ahead_batch(SEEDS, noise=0.01, replan=15, imagined_noise=imagined) for imagined in (0.0, 0.05)
    )
    again = run_ahead_batch(list(SEEDS)[4:9], noise=0.01, replan=15, imagined_noise=0.05)
    assert (troubled.converged_at >= 0).sum() < (clear.converged_at >= 0).sum()
    assert np.array_equal(again.states, troubled.states[4:9])


def test_who_does_nothing_falls() -> None:
    idle = run_idle_batch(SEEDS, noise=0.0, replan=10)
    assert not idle.success.any()
    assert (idle.steps < 50).all()


def test_a_kick_changes_the_pole_once_in_the_middle_and_belongs_to_the_seed() -> None:
    calm, kicked = (run_expert_batch(SEEDS, noise=0.0, horizon=40, kick=kick) for kick in (0.0, 1.0))
    assert np.array_equal(calm.states[:, :21], kicked.states[:, :21])
    pushed = kicked.states[:, 21, 3] - calm.states[:, 21, 3]
    signs = kick_signs(SEEDS)
    assert set(signs) == {-1.0, 1.0}
    assert np.array_equal(np.sign(pushed), signs)
    assert np.array_equal(signs[3:7], kick_signs(list(SEEDS)[3:7]))


def test_who_watches_is_shown_the_states_before_each_step() -> None:
    seen: list[np.ndarray] = []
    still = np.zeros((len(SEEDS), 10))
    batch = run_batch(lambda _: still, seeds=SEEDS, noise=0.0, replan=10, watch=lambda now: seen.append(now.copy()))
    assert np.array_equal(seen[0], batch.states[:, 0])
    standing = batch.steps > 4
    assert np.array_equal(seen[4][standing], batch.states[standing, 4])
