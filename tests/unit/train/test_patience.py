"""Runs that end before their last step, and rates that follow the held-out loss; both go on as if never stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from understudy.cli.main import main
from understudy.core.events import Event, read_events
from understudy.envs.catalogue import EnvConfig
from understudy.record.config import DatasetTarget, RecordConfig
from understudy.record.run import record
from understudy.train.patience import Patience

SMALL = ["--policy.dim_model=8", "--policy.n_heads=2", "--policy.dim_feedforward=8", "--policy.n_layers=1"]
SMALL += ["--policy.dim_state=8", "--policy.device=cpu", "--batch_size=8", "--precision=fp32", "--compile=off"]
SMALL += [
    "--tensorboard=false",
    "--report=false",
    "--dataset.eval_episodes=[0, 5]",
    "--max_eval_samples=16",
    "--log_freq=1",
]
STILL = ["--policy.optimizer_lr=0", "--policy.draws_per_window=1"]
PLATEAU = ["--scheduler.type=reduce_on_plateau", "--scheduler.patience=0", "--scheduler.factor=0.5"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pendulum") / "d"
    env = EnvConfig(type="pendulum/noisy", gain_spread=0.1, horizon=30)
    record(RecordConfig(env=env, dataset=DatasetTarget(root=root, num_episodes=8), seed=3))
    return root


def trained(dataset: Path, output: Path, *options: str) -> list[Event]:
    where = [f"--dataset.repo_id={dataset}", f"--output_dir={output}", "--policy.type=tiny_pi0"]
    assert main(["train", *where, *SMALL, *options]) == 0
    return read_events(output / "events.jsonl")


def of(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event["event"] == kind]


def weights(output: Path, step: int) -> tuple[bytes, ...]:
    folder = output / f"checkpoints/{step:06d}"
    names = ("pretrained_model/model.safetensors", "training_state/optimizer_state.safetensors")
    return tuple((folder / name).read_bytes() for name in names)


def test_only_what_is_strictly_lower_counts() -> None:
    patience = Patience()
    for value, waited in ((3.0, 0), (3.0, 1), (float("nan"), 2), (2.9, 0), (5.0, 1)):
        patience.add(value)
        assert patience.waited == waited
    assert patience.lowest == 2.9
    assert [patience.is_out(n) for n in (0, 1, 2)] == [False, True, False]


@pytest.mark.parametrize("best", ["action_error", "loss"])
def test_a_run_that_learns_nothing_ends_after_so_many_validations(dataset: Path, tmp_path: Path, best: str) -> None:
    events = trained(
        dataset, tmp_path / "run", *STILL, "--steps=40", "--eval_steps=2", "--early_stopping=3", f"--best={best}"
    )
    # the first validation is the best one, and three follow that are no better
    assert [event["step"] for event in of(events, "validation")] == [2, 4, 6, 8]
    end = events[-1]
    assert (end["event"], end["step"]) == ("run_finished", 8)
    word = {"loss": "loss", "action_error": "error"}[best]
    assert end["reason"].startswith(f"stopped early: 3 validations in a row without a lower held-out {word}")
    assert (tmp_path / "run/checkpoints/best").resolve().name == "000002"
    assert (tmp_path / "run/checkpoints/last").resolve().name == "000008"


def test_a_run_that_stopped_early_is_finished_and_goes_on_with_more_patience_as_the_longer_one(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # a rate so large that validations get worse, each of which halves it
    options = ["--steps=16", "--eval_steps=2", "--policy.optimizer_lr=0.03", *PLATEAU, "--save_freq=2"]
    whole = trained(dataset, tmp_path / "whole", *options)
    validations = of(whole, "validation")
    first_wait = next(
        e["step"]
        for n, e in enumerate(validations)
        if any(e["action_error"] >= before["action_error"] for before in validations[:n])
    )
    run = tmp_path / "run"
    assert trained(dataset, run, *options, "--early_stopping=1")[-1]["step"] == first_wait < 16
    capsys.readouterr()
    assert main(["train", "--resume", str(run)]) == 0
    assert f"nothing to do: the run stopped early, after {first_wait} of 16 steps" in capsys.readouterr().out
    assert main(["train", "--resume", str(run), "--early_stopping=0"]) == 0
    assert read_events(run / "events.jsonl")[-1]["reason"] == "all steps done"
    assert weights(run, 16) == weights(tmp_path / "whole", 16)
    assert of(whole, "step")[-1]["lr"] < 0.03


def test_the_rate_follows_the_held_out_loss_as_torchs_own_schedule_makes_it(dataset: Path, tmp_path: Path) -> None:
    events = trained(dataset, tmp_path / "run", "--steps=24", "--eval_steps=3", "--policy.optimizer_lr=0.03", *PLATEAU)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.03)
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    rates = {event["step"]: event["lr"] for event in of(events, "step")}
    for validation in of(events, "validation")[:-1]:
        assert rates[validation["step"]] == pytest.approx(optimizer.param_groups[0]["lr"])
        schedule.step(validation["loss"])
        assert rates[validation["step"] + 1] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert rates[24] < 0.03


def test_a_plateau_and_a_patience_need_something_held_out(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path}/run", "--policy.type=tiny_pi0"]
    for option in (PLATEAU, ["--early_stopping=2"]):
        few = ["--dataset.episodes=[0, 1, 2]", "--policy.device=cpu", "--tensorboard=false", "--report=false"]
        assert main([*where, *few, *option]) == 2
        assert "none is held out" in capsys.readouterr().err
        assert main([*where, "--eval_steps=0", *option]) == 2
        assert "eval_steps=0 never measures" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_when_the_loss_is_looked_at_belongs_to_a_run_with_a_plateau(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    trained(dataset, run, "--steps=2", "--eval_steps=1", *PLATEAU)
    assert main(["train", "--resume", str(run), "--steps=4", "--eval_steps=2"]) == 2
    assert "`--eval_steps`: got `2`, but the run has `1`" in capsys.readouterr().err


def test_a_schedule_whose_state_is_lost_is_told(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    trained(dataset, run, "--steps=2", "--eval_steps=1", *PLATEAU)
    state = run / "checkpoints/000002/training_state"
    manifest = json.loads((state / "checkpoint.json").read_text())
    del manifest["files"]["training_state/scheduler_state.json"]
    (state / "checkpoint.json").write_text(json.dumps(manifest))
    (state / "scheduler_state.json").write_text("{}")
    assert main(["train", "--resume", str(run), "--steps=4"]) == 3
    assert "the state of the schedule lacks 'best'" in capsys.readouterr().err


def test_a_run_from_before_there_was_patience_goes_on(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(dataset, run, "--steps=2", "--eval_steps=1")
    config = json.loads((run / "train_config.json").read_text())
    for name in ("best", "early_stopping", "naming", "naming_dir"):
        del config[name]
    for name in ("split_file", "split", "test_split", "window_starts"):
        del config["dataset"][name]
    (run / "train_config.json").write_text(json.dumps(config))
    manifest = run / "checkpoints/000002/training_state/checkpoint.json"
    content = json.loads(manifest.read_text())
    del content["patience"]
    manifest.write_text(json.dumps(content))
    assert main(["train", "--resume", str(run), "--steps=4"]) == 0
    assert read_events(run / "events.jsonl")[-1]["step"] == 4
