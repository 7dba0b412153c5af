"""`understudy.evaluate`, as it is called from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import toy_env
import understudy
from make_dataset import make_dataset
from understudy.core.errors import ConfigError
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.records import read_evaluation


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy_env.in_workers(monkeypatch)
    monkeypatch.chdir(tmp_path)


def test_success_in_simulation_has_its_count_and_interval() -> None:
    result = understudy.evaluate("expert", "toy/reach", episodes=4, seed=0, workers=1)
    assert (result.successes, result.n, result.path) == (4, 4, None)
    assert result.interval.low == pytest.approx(0.025 ** (1 / 4), abs=1e-12)
    assert list(Path().iterdir()) == []


def test_a_loaded_policy_is_evaluated_as_its_checkpoint_is(tmp_path: Path) -> None:
    folder = toy_env.toy_policy(tmp_path / "policy")
    loaded = understudy.load_policy(folder, "cpu")
    env = EnvConfig(type="toy/reach")
    one = understudy.evaluate(loaded, env, episodes=2, workers=1)
    other = understudy.evaluate(folder, env, episodes=2, workers=1, output_dir=tmp_path / "kept")
    assert [(e.seed, e.progress, e.steps) for e in one.episodes] == [
        (e.seed, e.progress, e.steps) for e in other.episodes
    ]
    assert one.protocol == other.protocol
    assert read_evaluation(tmp_path / "kept").n == 2


def test_on_a_dataset_it_is_the_action_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / "cache"))
    policy = toy_env.toy_policy(tmp_path / "policy")
    root = make_dataset(tmp_path / "set", episodes=2, frames=6, size=(32, 32), state_dim=2, action_dim=2)
    found = understudy.evaluate(policy, understudy.load_dataset(str(root)), episodes=[1])
    assert (found.episodes, found.frames) == ([1], 5)
    assert found.probed is not None
    assert "run folder" in found.absent["nearest"]


def test_episodes_to_look_neighbours_up_in_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / "cache"))
    policy = toy_env.toy_policy(tmp_path / "policy")
    root = make_dataset(tmp_path / "set", episodes=2, frames=6, size=(32, 32), state_dim=2, action_dim=2)
    dataset = understudy.load_dataset(str(root))
    found = understudy.evaluate(policy, dataset, episodes=[1], training=dataset, probe_frames=0)
    assert found.mae_mean("nearest") > 0
    assert found.probed is None


def test_episodes_mean_how_many_in_simulation_and_which_on_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a number: how many"):
        understudy.evaluate("expert", "toy/reach", episodes=[1, 2])  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="no episodes"):
        understudy.evaluate("expert", "toy/reach", episodes=0)
    root = make_dataset(tmp_path / "set", episodes=1, frames=6)
    with pytest.raises(ConfigError, match="a list of indices"):
        understudy.evaluate("x", understudy.load_dataset(str(root)), episodes=3)  # type: ignore[call-overload]
