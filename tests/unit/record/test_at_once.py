"""The pendulum's expert is recorded all episodes at once, and each is the one that an environment would have shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from small_recording import hashes
from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.data.lerobot import load_dataset
from understudy.data.recording import read_recording
from understudy.envs.catalogue import EnvConfig, make_env
from understudy.envs.pendulum.environment import Pendulum
from understudy.record import run as module
from understudy.record.config import RecordConfig
from understudy.record.run import Recorded, record


def config(root: Path, n: int = 3, **options: Any) -> RecordConfig:
    env = {"type": "pendulum/noisy", "gain_spread": 0.1, "horizon": 30} | options.pop("env", {})
    return RecordConfig.model_validate({"env": env, "dataset": {"root": root, "num_episodes": n}, "seed": 7} | options)


def recorded(root: Path, n: int = 3, **options: Any) -> Recorded:
    found = record(config(root, n, **options))
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(module, "run_in_workers", run)


def test_each_episode_is_what_the_environment_shows_one_step_after_the_other(tmp_path: Path) -> None:
    recorded(tmp_path / "d")
    dataset = load_dataset(str(tmp_path / "d"))
    env = make_env(EnvConfig(type="pendulum/noisy", gain_spread=0.1, horizon=30))
    assert isinstance(env, Pendulum)
    for number, episode in enumerate(dataset.episodes):
        env.begin(7 + number)
        expert = env.expert()
        expert.reset(Rng(7 + number))
        for row in range(episode.start, episode.start + episode.length):
            assert np.array_equal(dataset.columns["observation.state"][row], env.state.astype(np.float32))
            action = expert.act()
            assert np.array_equal(dataset.columns["action"][row], action.astype(np.float32))
            before = env.state
            env.advance(action)
            applied = dataset.columns["applied_action"][row]
            assert 0 < abs(applied - action) <= 0.05 + 1e-6
            assert np.array_equal(env._physics.step(before[None], applied)[0], env.state)


def test_it_is_a_dataset_with_seeds_that_says_how_the_gains_were_drawn(tmp_path: Path) -> None:
    found = recorded(tmp_path / "d")
    dataset = load_dataset(str(tmp_path / "d"))
    assert (dataset.warnings, len(dataset.episodes), dataset.num_rows, dataset.fps) == ([], 3, 90, 25)
    assert list(dataset.spec.features) == ["observation.state", "action"]
    recording = read_recording(tmp_path / "d")
    assert recording == found.recording
    assert recording is not None and recording.seeds == (7, 8, 9)
    assert recording.task["settings"]["gain_spread"] == 0.1
    assert [attempt.reason for attempt in recording.attempts] == ["success"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_the_same_options_give_the_same_bytes_and_other_gains_others(tmp_path: Path) -> None:
    for name, spread in (("a", 0.1), ("b", 0.1), ("c", 0.2)):
        recorded(tmp_path / name, env={"gain_spread": spread})
    first, same, other = (hashes(tmp_path / name) for name in "abc")
    assert first == same
    assert first.keys() == other.keys()
    assert first["data/chunk-000/file-000.parquet"] != other["data/chunk-000/file-000.parquet"]


def test_an_episode_that_falls_is_replaced_by_the_next_seed_or_kept_to_its_fall(tmp_path: Path) -> None:
    # pushes of up to 200 N: the expert does not hold every pole
    wild = {"noise": 2.0, "horizon": 100}
    found = recorded(tmp_path / "d", 4, env=wild)
    fallen = [attempt for attempt in found.recording.attempts if not attempt.success]
    assert fallen and all(attempt.reason == "the pole fell" for attempt in fallen)
    assert not {attempt.seed for attempt in fallen} & set(found.recording.seeds)
    assert len(found.recording.seeds) == 4
    with_failures = recorded(tmp_path / "e", 4, env=wild, keep_failures=True)
    assert with_failures.recording.seeds == (7, 8, 9, 10)
    lengths = [episode.length for episode in load_dataset(str(tmp_path / "e")).episodes]
    assert lengths == [attempt.steps for attempt in with_failures.recording.attempts]


def test_a_disturbance_of_ours_or_another_actor_goes_the_way_of_all_tasks(tmp_path: Path) -> None:
    for options in ({"noise": 0.1}, {"policy": {"type": "hold"}}, {"pushes_per_s": 1.0}):
        with pytest.raises(AssertionError, match="a process was started"):
            record(config(tmp_path / "d", **options))


def test_a_dry_run_says_that_no_process_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(config(tmp_path / "d"), dry_run=True) is None
    assert "all episodes at once" in "".join(capsys.readouterr())
    assert not list(tmp_path.iterdir())


def test_tasks_without_gains_refuse_them() -> None:
    with pytest.raises(ConfigError, match="no gains"):
        make_env(EnvConfig(type="so101/reach", gain_spread=0.1))
