"""How a run's data is divided: what the options say is what is trained on, recorded, and kept when it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.cli.main import main
from understudy.core.events import read_events
from understudy.envs.catalogue import EnvConfig
from understudy.record.config import DatasetTarget, RecordConfig
from understudy.record.run import record
from understudy.train import run as module

SMALL = ["--policy.type=tiny_pi0", "--policy.dim_model=8", "--policy.n_heads=2", "--policy.dim_feedforward=8"]
SMALL += ["--policy.n_layers=1", "--policy.dim_state=8", "--policy.device=cpu", "--batch_size=8", "--precision=fp32"]
SMALL += [
    "--compile=off",
    "--tensorboard=false",
    "--report=false",
    "--steps=4",
    "--eval_steps=2",
    "--max_eval_samples=0",
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pendulum") / "d"
    env = EnvConfig(type="pendulum/noisy", horizon=30)
    record(RecordConfig(env=env, dataset=DatasetTarget(root=root, num_episodes=8), seed=3))
    return root


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every batch that is trained on."""
    rows: list[int] = []
    loop = module.train_loop

    def watched(training: Any) -> None:
        update = training.update

        def note(batches: Any, step: int) -> None:
            rows.extend(int(row) for batch in batches for row in batch.rows)
            update(batches, step)

        note.__dict__.update(update.__dict__)
        for name in ("policy", "optimizer", "schedule", "window"):
            setattr(note, name, getattr(update, name))
        training.update = note
        loop(training)

    monkeypatch.setattr(module, "train_loop", watched)
    return rows


def trained(dataset: Path, output: Path, *options: str) -> dict[str, Any]:
    """The last validation of the run."""
    assert main(["train", f"--dataset.repo_id={dataset}", f"--output_dir={output}", *SMALL, *options]) == 0
    return [event for event in read_events(output / "events.jsonl") if event["event"] == "validation"][-1]


def test_test_episodes_are_neither_trained_on_nor_measured(dataset: Path, tmp_path: Path, drawn: list[int]) -> None:
    (tmp_path / "split.json").write_text('{"train": [0, 2, 5], "validation": [1], "test": [3, 4]}')
    last = trained(dataset, tmp_path / "run", f"--dataset.split_file={tmp_path}/split.json", "--steps=12")
    assert {row // 30 for row in drawn} == {0, 2, 5}
    assert (last["episodes"], last["frames"]) == ([1], 29)
    assert json.loads((tmp_path / "run/split.json").read_text()) == json.loads((tmp_path / "split.json").read_text())
    # the run keeps to what it began with, whatever becomes of the file
    (tmp_path / "split.json").unlink()
    assert main(["train", "--resume", str(tmp_path / "run"), "--steps=16"]) == 0
    assert {row // 30 for row in drawn} == {0, 2, 5}


def test_windows_begin_where_they_are_asked_to(dataset: Path, tmp_path: Path, drawn: list[int]) -> None:
    starts = ["--dataset.window_starts=[0, 4, 9]", "--dataset.eval_episodes=[1, 3]"]
    last = trained(dataset, tmp_path / "run", *starts, "--steps=12")
    assert {row % 30 for row in drawn} == {0, 4, 9}
    assert {row // 30 for row in drawn} == {0, 2, 4, 5, 6, 7}
    # six windows have a loss; those that begin an episode have no action before them to compare with
    assert last["frames"] == 6
    assert last["action_error"] > 0 and set(last["baselines"]) == {"hold", "mean"}


def test_a_split_by_window_leaks_says_so_and_is_recorded(
    dataset: Path, tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--dataset.split=window", "--dataset.test_split=0.25", "--dataset.split_seed=9", "--batch_size=16"]
    options += ["--steps=12", "--eval_steps=12"]
    last = trained(dataset, tmp_path / "run", *options)
    said = capsys.readouterr()
    assert "LEAKS" in said.out + said.err
    assert json.loads((tmp_path / "run/split.json").read_text()) == {
        "train": list(range(8)),
        "validation": [],
        "test": [],
        "windows": {"seed": 9, "validation": 0.1, "test": 0.25},
    }
    # 240 windows, of which 24 are held out (less those that begin an episode) and 60 set apart
    assert len(set(drawn)) == 240 - 24 - 60
    assert 20 <= last["frames"] <= 24 and last["episodes"] == []
    before = set(drawn)
    assert main(["train", "--resume", str(tmp_path / "run"), "--steps=24"]) == 0
    assert set(drawn) == before
    best = tmp_path / "run/checkpoints/best/pretrained_model"
    assert main(["eval", f"--policy.path={best}", f"--dataset.repo_id={dataset}"]) == 2
    assert "held no episode out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "code", "words"),
    [
        ("--dataset.window_starts=[99]", 2, "the frames 0 to 29"),
        ("--dataset.split_file=absent.json", 3, "cannot be read"),
        ("--dataset.test_split=0.999", 2, "none trained on"),
    ],
)
def test_a_split_that_cannot_be_made_is_told_before_anything_is_written(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, code: int, words: str
) -> None:
    where = ["train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path}/run", *SMALL, option]
    assert main(where) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
