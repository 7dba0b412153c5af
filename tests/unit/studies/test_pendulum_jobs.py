"""Who is measured and when again; the regressions, and how long a decision takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.core.errors import CheckpointError
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.studies import pendulum_jobs
from understudy.studies.pendulum_config import PendulumStudy
from understudy.studies.pendulum_jobs import (
    REGRESSIONS,
    Job,
    first_of_each,
    model_jobs,
    reference_jobs,
    run_job,
    run_jobs,
)
from understudy.studies.pendulum_latency import latency
from understudy.studies.pendulum_mlp import CHUNK, Mlp, read_mlp, train_mlp, windows
from understudy.studies.pendulum_pool import each_alone
from understudy.studies.pendulum_trials import read_trials


def idle(tmp_path: Path, seeds: tuple[int, ...] = (900_000, 900_001), weights: str = "") -> Job:
    return Job("idle", "kick", tmp_path / "idle.npz", seeds, weights=weights)


def test_a_job_is_not_done_again_unless_something_else_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(idle(tmp_path))
    done: list[Job] = []
    monkeypatch.setattr(pendulum_jobs, "each_alone", lambda work, pieces, *_: done.extend(pieces))
    run_jobs([idle(tmp_path)], 1)
    assert done == []
    others = [idle(tmp_path, (900_000,)), idle(tmp_path, weights="other")]
    run_jobs(others, 1)
    assert done == others
    idle(tmp_path).out.write_bytes(b"torn")
    run_jobs([idle(tmp_path)], 1)
    assert done[-1] == idle(tmp_path)


def test_a_file_of_trials_knows_what_it_was_measured_with(tmp_path: Path) -> None:
    run_job(idle(tmp_path))
    trials = read_trials(idle(tmp_path).out)
    assert trials.identity == idle(tmp_path).identity
    assert trials.seeds.tolist() == [900_000, 900_001]
    assert not trials.success.any()


def test_every_model_and_every_reference_is_measured_in_every_way(tmp_path: Path) -> None:
    study = PendulumStudy(tmp_path, ("tiny_pi0",), seeds=(5, 6), episodes=30, long=True)
    for name in REGRESSIONS:
        study.regression_weights(name).parent.mkdir(exist_ok=True)
        study.regression_weights(name).write_bytes(b"weights")
    references = reference_jobs(study)
    assert {job.what for job in references} == {"grid", "kick", "long"}
    assert len({job.out for job in references}) == len(references) == 18
    assert all(len(job.seeds) == 60 for job in references if job.what == "grid")
    for seed in study.seeds:
        folder = tmp_path / f"tiny_pi0/seed-{seed}/checkpoints/000009/pretrained_model"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(str(seed).encode())
        (folder.parents[1] / "last").symlink_to("000009")
    models = model_jobs(study, "tiny_pi0")
    assert {job.what for job in models} == {"grid", "kick", "long", "sampled"}
    assert len({job.out for job in models}) == len(models) == 8
    assert {job.seeds for job in models if job.what == "sampled"} == {tuple(range(30)), tuple(range(30, 60))}
    assert len({job.weights for job in models}) == 2


def test_long_episodes_are_the_first_twenty_of_each_model() -> None:
    study = PendulumStudy(Path("x"), seeds=(1, 2), episodes=100)
    assert first_of_each(study, study.all_evaluation_seeds()) == (*range(20), *range(100, 120))


def made_up_episodes() -> tuple[np.ndarray, np.ndarray]:
    """Actions that are a linear map of the present state, for 40 episodes."""
    states = np.random.default_rng(0).normal(size=(40, 20, 4)).astype(np.float32)
    states[:, 1:] = states[:, :1]
    return states, states[..., 0] - 2 * states[..., 1]


def test_windows_begin_wherever_enough_actions_follow() -> None:
    states, actions = made_up_episodes()
    actions = actions + np.arange(20, dtype=np.float32)
    inputs, targets = windows(states, actions)
    assert inputs.shape == (40 * 6, 4)
    assert targets.shape == (40 * 6, CHUNK)
    assert torch.equal(inputs[6 + 5], torch.from_numpy(states[1, 5]))
    assert torch.equal(targets[6 + 5], torch.from_numpy(actions[1, 5:20]))


@pytest.mark.parametrize("loss", ["l1", "squared"])
def test_the_regression_learns_a_map_and_is_a_function_of_its_seed(loss: str) -> None:
    states, actions = made_up_episodes()
    first, again, other = (
        train_mlp(states, actions, loss=loss, steps=60, seed=seed)  # type: ignore[arg-type]
        for seed in (0, 0, 1)
    )
    inputs, targets = windows(states, actions)
    with torch.no_grad():
        error = (first(inputs) - targets).abs().mean() / targets.abs().mean()
    assert error < 0.2
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)


def test_a_damaged_regression_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError):
        read_mlp(tmp_path / "w.safetensors")
    assert sum(p.numel() for p in Mlp().parameters()) == 70_927


def test_latency_times_every_way_there_is() -> None:
    threads = torch.get_num_threads()
    flow = TinyPi0Config.model_validate(TinyPi0Config.tiny().model_dump() | {"causal": True, "chunk_size": 12})
    fast = TinyPi0FastConfig.tiny()
    found = {}
    for config in (flow, fast):
        policy = config.build(config.fake_statistics())
        shape = config.input_features["observation.state"].shape
        assert shape == (4,)
        found[config.type] = latency(policy, 3)
    assert set(found["tiny_pi0"]) == {"whole chunk", "first 10 actions alone", "one pass"}
    assert set(found["tiny_pi0_fast"]) == {"whole chunk", "whole chunk, without the cache", "one pass"}
    assert found["tiny_pi0"]["one pass"]["n"] == 3 * flow.num_inference_steps
    assert all(way["p99_ms"] >= way["median_ms"] > 0 for ways in found.values() for way in ways.values())
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_what_a_piece_raises_ends_the_others(tmp_path: Path) -> None:
    damaged = Job("mlp_l1", "kick", tmp_path / "a.npz", (1,), source=tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="missing"):
        each_alone(run_job, [damaged, idle(tmp_path)], 1, "evaluated")
    each_alone(run_job, [idle(tmp_path)], 2, "evaluated")
    assert idle(tmp_path).out.exists()
