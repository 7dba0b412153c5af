"""`--naming=study`: log, weights and picture of a run under the study's names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from understudy.cli.main import main
from understudy.core.events import read_events
from understudy.envs.catalogue import EnvConfig
from understudy.record.config import DatasetTarget, RecordConfig
from understudy.record.run import record
from understudy.report.study_log import validations_of

SMALL = ["--policy.type=tiny_pi0", "--policy.dim_model=8", "--policy.n_heads=2", "--policy.dim_feedforward=8"]
SMALL += ["--policy.n_layers=1", "--policy.dim_state=8", "--policy.device=cpu", "--batch_size=8", "--precision=fp32"]
SMALL += [
    "--compile=off",
    "--tensorboard=false",
    "--report=false",
    "--naming=study",
    "--log_freq=2",
    "--eval_steps=4",
    "--steps=12",
]
LINE = re.compile(r"\[Info\] \d{4}-\d\d-\d\d \d\d:\d\d:\d\d .+")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pendulum") / "d"
    env = EnvConfig(type="pendulum/noisy", gain_spread=0.1, horizon=30)
    record(RecordConfig(env=env, dataset=DatasetTarget(root=root, num_episodes=8), seed=3))
    (root.parent / "split.json").write_text('{"train": [0, 1, 2, 3], "validation": [4, 5], "test": [6, 7]}')
    return root


def trained(dataset: Path, output: Path, *options: str, split: bool = True) -> None:
    parts = [f"--dataset.split_file={dataset.parent}/split.json"] if split else []
    where = [f"--dataset.repo_id={dataset}", f"--output_dir={output}"]
    assert main(["train", *where, *SMALL, *parts, *options]) == 0


def left(folder: Path) -> dict[str, list[str]]:
    return {name: sorted(p.name for p in (folder / name).iterdir()) for name in ("logs", "trained_models", "loss_pics")}


def test_log_weights_and_picture_have_the_studys_names_and_say_the_runs_numbers(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(dataset, run)
    (log,) = (run / "study/logs").iterdir()
    assert re.fullmatch(r"tinypi0_\d{8}_\d{4}", log.stem)
    assert left(run / "study") == {
        "logs": [f"{log.stem}.txt"],
        "trained_models": [f"{log.stem}.safetensors"],
        "loss_pics": [f"{log.stem}.png"],
    }
    weights = run / f"study/trained_models/{log.stem}.safetensors"
    assert weights.read_bytes() == (run / "checkpoints/best/pretrained_model/model.safetensors").read_bytes()
    with Image.open(run / f"study/loss_pics/{log.stem}.png") as picture:
        assert picture.width / picture.height == pytest.approx(8 / 5, abs=0.01)
    text = log.read_text()
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    validations = [e for e in read_events(run / "events.jsonl") if e["event"] == "validation"]
    for event in validations:
        # 4 episodes of 30 frames, 8 a batch: 15 updates are an epoch
        epoch = event["step"] / 15
        assert f"Epoch {epoch:.2f} (step {event['step']}): train loss " in text
        assert f"val loss {event['loss']:.6f}, lr " in text
    assert text.count("New best: action_error") >= 1
    assert re.search(r"Test loss: \d\.\d{6} on 58 windows", text)
    assert "optimizer: {'type': 'adamw', 'lr': " in text and "scheduler: {'type': 'cosine" in text
    assert "Training ended: all steps done" in text and f"Run folder: {run}" in text


def test_the_training_loss_is_the_mean_over_the_updates_since_the_last_validation() -> None:
    step = {"event": "step", "time": 0.0, "lr": 1e-3}
    events = [
        {"event": "run_started", "time": 0.0, "step": 0},
        step | {"step": 2, "loss": 4.0, "epochs": 0.5},
        step | {"step": 3, "loss": 1.0, "epochs": 0.75},
        {"event": "validation", "time": 1.0, "step": 4, "loss": 2.0, "action_error": 0.4},
        step | {"step": 8, "loss": 0.5, "epochs": 2.0},
        {"event": "validation", "time": 2.0, "step": 8, "loss": 1.5, "action_error": 0.5},
        {"event": "validation", "time": 2.0, "step": 12, "loss": 1.0, "action_error": 0.3},
    ]
    found = validations_of(events, {"best": "action_error"})
    assert [v.train for v in found] == [3.0, 0.5, None]
    assert [v.epoch for v in found] == [1.0, 2.0, 3.0]
    assert [v.is_best for v in found] == [True, False, True]


def test_runs_that_share_a_folder_do_not_write_over_each_other(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.train.study_names.time.strftime", lambda *_: "20260131_1259")
    for name in ("a", "b", "c"):
        trained(dataset, tmp_path / name, f"--naming_dir={tmp_path}/train")
    stems = [f"tinypi0_20260131_1259{end}" for end in ("", "_2", "_3")]
    assert left(tmp_path / "train") == {
        "logs": [f"{stem}.txt" for stem in stems],
        "trained_models": [f"{stem}.safetensors" for stem in stems],
        "loss_pics": [f"{stem}.png" for stem in stems],
    }


def test_a_run_that_goes_on_keeps_its_name_and_the_log_has_all_of_it(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(dataset, run)
    name = json.loads((run / "naming.json").read_text())["name"]
    assert main(["train", "--resume", str(run), "--steps=20"]) == 0
    assert left(run / "study")["logs"] == [f"{name}.txt"]
    text = (run / f"study/logs/{name}.txt").read_text()
    assert all(f"(step {step})" in text for step in (4, 8, 12, 16, 20))


def test_a_place_that_cannot_be_written_to_is_told_before_the_run(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    where = ["train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path}/run", *SMALL]
    assert main([*where, f"--naming_dir={tmp_path}/file/train"]) == 2
    assert "is a file, not a folder" in capsys.readouterr().err
    assert main([*where, "--naming=understudy", f"--naming_dir={tmp_path}/train"]) == 2
    assert "naming_dir is where naming=study leaves" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_test_part_or_a_checkpoint_the_log_says_so(dataset: Path, tmp_path: Path) -> None:
    trained(dataset, tmp_path / "a", "--dataset.eval_episodes=[0, 5]", split=False)
    trained(dataset, tmp_path / "b", "--save_checkpoint=false")
    for name in ("a", "b"):
        (log,) = (tmp_path / name / "study/logs").iterdir()
        assert "Test loss: not measured" in log.read_text()
    assert not (tmp_path / "b/study/trained_models").exists()
