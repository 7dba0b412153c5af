from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.core.errors import ConfigError, DataError
from understudy.core.rng import Rng
from understudy.envs.pendulum.batch import BatchResult, run_batch, run_expert_batch
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.policies.tiny_pi0.model import TinyPi0
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.studies.pendulum_jobs import draw_always
from understudy.studies.pendulum_trials import (
    GRID,
    Cell,
    Trials,
    identity_of,
    measured,
    policy_subject,
    read_trials,
    run_trials,
)

SEEDS = range(900_000, 900_004)
CELLS = (Cell(0.01, 10), Cell(0.05, 13))


def expert(seeds: Sequence[int], cell: Cell, horizon: int, kick: float) -> BatchResult:
    return run_expert_batch(seeds, noise=cell.noise, horizon=horizon, kick=kick)


@pytest.fixture(scope="module")
def trials() -> Trials:
    return run_trials(expert, SEEDS, CELLS, identity="the expert")


def small_policy(**options: object) -> TinyPi0:
    """It predicts velocities: a fresh network that predicts chunks says the same whatever noise it starts from."""
    shared = TinyPi0Config.tiny().model_dump()
    pendulum = {
        "output_features": {"action": {"type": "ACTION", "shape": (1,)}},
        "chunk_size": 14,
        "n_action_steps": 14,
    }
    config = TinyPi0Config.model_validate({**shared, **pendulum, "prediction": "velocity", **options})
    return config.build(config.fake_statistics())


def test_the_grid_is_every_noise_with_every_interval() -> None:
    assert len(set(GRID)) == 9
    assert {cell.label for cell in GRID if cell.replan == 15} == {"0.01/15", "0.03/15", "0.05/15"}


def test_trials_hold_what_the_episodes_were(trials: Trials) -> None:
    batch = run_expert_batch(SEEDS, noise=0.05)
    assert np.array_equal(trials.success[1], batch.success)
    assert np.array_equal(trials.converged_at[1], batch.converged_at)
    velocity = batch.states[:, 1:, 2]
    assert np.allclose(trials.velocity_sum[1], velocity.sum(axis=1))
    assert np.allclose(trials.velocity_squares[1], (velocity**2).sum(axis=1))
    assert np.allclose(trials.widest_angle[1], np.abs(batch.states[:, :, 1]).max(axis=1))


def test_a_file_gives_back_what_was_written(trials: Trials, tmp_path: Path) -> None:
    path = tmp_path / "deep/trials.npz"
    trials.save(path)
    again = read_trials(path)
    for name, value in vars(trials).items():
        assert np.array_equal(getattr(again, name), value), name
    assert again.identity == "the expert"
    assert measured(path, "the expert")
    assert not measured(path, "another")


@pytest.mark.parametrize("damage", ["nothing", "text", "torn", "a table is missing", "tables of other sizes"])
def test_a_damaged_file_is_an_error_and_is_measured_anew(trials: Trials, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "trials.npz"
    trials.save(path)
    if damage == "nothing":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("trials")
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "a table is missing":
        np.savez(path, success=trials.success)
    else:
        replace(trials, success=trials.success[:, :1]).save(path)
    with pytest.raises(DataError, match="remove it"):
        read_trials(path)
    assert not measured(path, "the expert")


def test_a_file_that_would_have_to_be_unpickled_is_refused(trials: Trials, tmp_path: Path) -> None:
    path = tmp_path / "trials.npz"
    np.savez(path, **{**vars(trials), "success": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(DataError):
        read_trials(path)


def test_facts_in_another_order_are_the_same_identity() -> None:
    assert identity_of({"a": 1, "b": 2}) == identity_of({"b": 2, "a": 1}) != identity_of({"a": 1, "b": 3})


def test_a_policys_draws_are_the_same_in_every_cell_and_others_for_each_episode_and_decision() -> None:
    policy = small_policy(temperature=1.0)
    subject = policy_subject(policy)
    calm = subject(SEEDS, Cell(0.0, 13), 30, 0.0)
    again = subject(SEEDS, Cell(0.0, 13), 30, 0.0)
    assert np.array_equal(calm.states, again.states, equal_nan=True)

    asked: list[np.ndarray] = []

    class Noted(TinyPi0):
        def predict_first(self, observation, steps, rng=None):  # type: ignore[no-untyped-def]
            chunk = policy.predict_first(observation, steps, rng)
            asked.append(chunk[:, :, 0].numpy().copy())
            return chunk

    noted = Noted(policy.config, policy.config.fake_statistics())
    result = policy_subject(noted)([900_000, 900_000], Cell(0.0, 13), 30, 0.0)
    # the same episode twice, so that only the draws tell its two rows apart
    assert not np.array_equal(asked[0][0], asked[0][1])
    assert asked[0].shape == (2, 13)
    assert len(asked) == -(-int(result.steps.max()) // 13)


def test_a_policy_is_executed_as_it_predicts() -> None:
    policy = small_policy()
    decision = [0]

    def predict(states: np.ndarray) -> np.ndarray:
        observation = {"observation.state": torch.from_numpy(states.astype(np.float32))}
        chunk = policy.predict(observation, Rng(SEEDS[0], decision[0]))
        decision[0] += 1
        return chunk[:, :, 0].numpy()

    by_hand = run_batch(predict, seeds=SEEDS, noise=0.03, replan=13, horizon=30)
    result = policy_subject(policy)(SEEDS, Cell(0.03, 13), 30, 0.0)
    assert np.array_equal(by_hand.states, result.states, equal_nan=True)


def test_a_chunk_that_is_shorter_than_the_interval_is_refused() -> None:
    with pytest.raises(ConfigError, match="predicts 14 actions at once, and 15"):
        policy_subject(small_policy())(SEEDS, Cell(0.01, 15), 100, 0.0)


def test_a_policy_that_draws_draws_with_every_part_of_it() -> None:
    policy = small_policy(temperature=0.0)
    observation = {"observation.state": torch.zeros(1, 4)}
    calm = [policy.predict(observation, Rng(0, step)) for step in range(2)]
    draw_always(policy)
    drawn = [policy.predict(observation, Rng(0, step)) for step in range(2)]
    assert torch.equal(*calm)
    assert not torch.equal(*drawn)
    fast = TinyPi0FastConfig.tiny()
    written = fast.build(fast.fake_statistics())
    draw_always(written)
    assert {module.config.temperature for module in written.modules() if hasattr(module, "config")} == {1.0}
