"""Success while training: measured on the checkpoints, without a trace in the training itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import toy_env
from make_dataset import make_dataset
from understudy.core.errors import ConfigError, ResourceError
from understudy.core.run_folder import RunFolder
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.records import read_evaluation
from understudy.evaluate.simulation.config import EvalConfig
from understudy.policies.act.config import ActConfig
from understudy.train.checkpoint import Best
from understudy.train.config import TrainConfig
from understudy.train.dataset_config import DatasetConfig
from understudy.train.run import train
from understudy.train.simulation import Simulation


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(
        tmp_path_factory.mktemp("toy") / "set", episodes=3, frames=8, size=(32, 32), state_dim=2, action_dim=2
    )


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / "cache"))
    toy_env.in_workers(monkeypatch)


def config(dataset: Path, folder: Path, **changes: Any) -> TrainConfig:
    policy = ActConfig.tiny().model_dump() | {"input_features": {}, "output_features": {}}
    settings: dict[str, Any] = {
        "dataset": DatasetConfig(repo_id=str(dataset), eval_episodes=[2]),
        "policy": ActConfig.model_validate(policy),
        "output_dir": folder,
        "steps": 4,
        "batch_size": 2,
        "eval_steps": 3,
        "save_freq": 2,
        "tensorboard": False,
        "env": EnvConfig(type="toy/reach"),
        "eval_freq": 2,
        "eval": EvalConfig(n_episodes=2, workers=1),
    }
    return TrainConfig.model_validate(settings | changes)


@pytest.mark.slow
def test_checkpoints_are_evaluated_and_training_is_as_without(dataset: Path, tmp_path: Path) -> None:
    run = RunFolder(train(config(dataset, tmp_path / "with")).path)
    events = [json.loads(line) for line in run.events.read_text().splitlines()]
    found = [event for event in events if event["event"] == "evaluation"]
    assert [event["step"] for event in found] == [2, 4]
    assert {(event["env"], event["n"]) for event in found} == {("toy/reach", 2)}
    for event in found:
        stored = read_evaluation(event["path"])
        assert (stored.successes, stored.n) == (event["successes"], 2)
        assert event["interval"] == stored.interval().to_json()
        assert stored.protocol["seeds"] == {"first": 500_000, "count": 2}
    assert run.best.exists()
    train(config(dataset, tmp_path / "without", env=None))
    weights = "checkpoints/000004/pretrained_model/model.safetensors"
    assert (run.path / weights).read_bytes() == (tmp_path / "without" / weights).read_bytes()

    # resumed from the middle it ends with the same weights; the evaluation of step 2, missing now, is made up for
    resumed = RunFolder(Path(shutil.copytree(run.path, tmp_path / "resumed", symlinks=True)))
    shutil.rmtree(resumed.checkpoint(4, 4))
    shutil.rmtree(resumed.eval)
    train(config(dataset, resumed.path, resume=True))
    assert (resumed.path / weights).read_bytes() == (run.path / weights).read_bytes()
    assert len(list((resumed.eval / "while-training").iterdir())) == 2


def test_a_task_that_does_not_fit_is_refused_before_the_run_begins(dataset: Path, tmp_path: Path) -> None:
    wide = EnvConfig(type="toy/reach", width=64)
    with pytest.raises(ConfigError, match="the policy wants"):
        train(config(dataset, tmp_path / "run", env=wide))
    with pytest.raises(ConfigError, match="to blank"):
        train(config(dataset, tmp_path / "run", eval=EvalConfig(blank="wrist")))
    assert not (tmp_path / "run").exists()


def test_an_unknown_task_and_an_evaluation_without_checkpoints_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean `toy/reach`"):
        config(dataset, tmp_path, env=EnvConfig(type="toy/reech"))
    with pytest.raises(ValueError, match="save_checkpoint=false writes none"):
        config(dataset, tmp_path, save_checkpoint=False)
    assert config(dataset, tmp_path, save_checkpoint=False, eval_freq=0).eval_freq == 0


def test_seeds_of_the_recordings_are_refused_before_the_run_begins(dataset: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(dataset, tmp_path / "set"))
    recording = {name: {} for name in ("task", "actor", "disturbance", "packages")}
    recording |= {"env": {"type": "toy/reach"}, "seeds": [500_001], "attempts": []}
    (copy / "meta/recording.json").write_text(json.dumps(recording))
    with pytest.raises(ConfigError, match="seeds 500001"):
        train(config(copy, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_an_evaluation_that_cannot_be_made_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*given: Any, **options: Any) -> None:
        raise ResourceError("no memory for a simulator")

    monkeypatch.setattr("understudy.evaluate.simulation.run.plan", broken)
    simulation = Simulation(EnvConfig(type="toy/reach"), EvalConfig(), RunFolder(tmp_path))
    assert simulation.measure(tmp_path, 7, wanted=lambda: True) is None
    assert "success at step 7 could not be measured: no memory" in capsys.readouterr().err


def test_success_decides_which_is_best_and_the_error_between_equals() -> None:
    assert Best(0.5, 1).beats(None)
    assert Best(0.4, 2).beats(Best(0.5, 1))
    assert not Best(0.5, 2).beats(Best(0.5, 1))
    assert Best(0.9, 2, success=0.8).beats(Best(0.1, 1, success=0.6))
    assert not Best(0.1, 2, success=0.6).beats(Best(0.9, 1, success=0.8))
    assert Best(0.4, 2, success=0.6).beats(Best(0.5, 1, success=0.6))
    assert not Best(0.5, 2, success=0.6).beats(Best(0.5, 1, success=0.6))
    # an error that was the best so far says nothing once success is measured
    assert Best(0.9, 2, success=0.0).beats(Best(0.1, 1))
