"""What stands beside a success rate: standing still, and the same policy with its cameras blanked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import toy_env
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.records import read_evaluation
from understudy.evaluate.simulation.beside import BLANK, HOLD, evaluate_beside
from understudy.evaluate.simulation.config import EvalConfig, PolicyOptions
from understudy.evaluate.simulation.result import SimulationResult
from understudy.evaluate.simulation.run import evaluate_in_simulation

ENV = EnvConfig(type="toy/reach")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy_env.in_workers(monkeypatch)
    monkeypatch.chdir(tmp_path)


def evaluated(policy: PolicyOptions, config: EvalConfig) -> SimulationResult:
    return evaluate_in_simulation(policy, ENV, config, seed=40, folder=Path("e").absolute())


def test_standing_still_and_blanked_cameras_stand_beside_a_policy_on_its_first_episodes(tmp_path: Path) -> None:
    policy, config = PolicyOptions(path=str(toy_env.toy_policy(tmp_path / "p"))), EvalConfig(n_episodes=3, workers=1)
    result = evaluated(policy, config)
    beside = evaluate_beside(result, policy, ENV, config, episodes=2)
    assert {name: other.n for name, other in beside.items()} == {HOLD: 2, BLANK: 2}
    assert beside[BLANK].protocol["probe"] == "cameras blank"
    assert [episode.seed for episode in beside[HOLD].episodes] == [40, 41]
    summary = json.loads((tmp_path / "e/summary.json").read_text())
    assert {name: other["n"] for name, other in summary["beside"].items()} == {HOLD: 2, BLANK: 2}
    assert summary["n"] == 3
    assert read_evaluation(Path(summary["beside"][HOLD]["path"])).successes == beside[HOLD].successes
    # what is there already is read, not run again
    assert evaluate_beside(result, policy, ENV, config, episodes=2)[HOLD].episodes == beside[HOLD].episodes


def test_nothing_stands_beside_a_reference(tmp_path: Path) -> None:
    policy, config = PolicyOptions(type="hold"), EvalConfig(n_episodes=2, workers=1)
    assert evaluate_beside(evaluated(policy, config), policy, ENV, config, episodes=2) == {}
    assert "beside" not in json.loads((tmp_path / "e/summary.json").read_text())
