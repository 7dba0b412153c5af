from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from make_dataset import make_dataset
from understudy.cli import demo
from understudy.cli.main import main
from understudy.core import log
from understudy.core.run_folder import RunFolder


@pytest.fixture(autouse=True)
def stdout_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """--json keeps stdout for its document until the process ends, and all tests share one process."""
    monkeypatch.setattr(log, "_to_stderr", False)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings so small that the whole story takes a few seconds."""
    recordings = make_dataset(tmp_path / "recordings", episodes=4, frames=8, fps=10)
    monkeypatch.setattr(demo, "RECORDINGS", recordings)
    monkeypatch.setattr(demo, "VALIDATION", [1])
    monkeypatch.setattr(demo, "TEST", [3])


def check_what_is_left(run: RunFolder) -> None:
    for left in (run.config, run.split, run.events, run.last, run.eval / "heldout/predictions.npz"):
        assert left.exists(), left
    pictures = {path.name for path in run.plots.iterdir()}
    assert {"overall_loss.png", "l1_loss.png", "validation.png", "actions_predicted.png"} <= pictures
    assert json.loads(run.split.read_text())["validation"] == demo.VALIDATION


@pytest.mark.usefixtures("small")
def test_the_whole_story_in_one_update(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One update teaches nothing, so the answer is negative; everything that a real demo leaves is there."""
    assert main(["demo", "--steps=1", f"--output_dir={tmp_path / 'demo'}", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["episodes"] == demo.TEST
    assert document["learned"] is False
    assert set(document["baselines"]) == {"hold", "mean"}
    check_what_is_left(RunFolder(tmp_path / "demo"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_real_demo_beats_both_baselines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert main(["demo", f"--output_dir={tmp_path / 'demo'}", "--json"]) == 0
    finally:
        torch.set_num_threads(threads)
    better = json.loads(capsys.readouterr().out)["times_better"]
    assert better["hold"] > 1.25
    assert better["mean"] > 1.2
    check_what_is_left(RunFolder(tmp_path / "demo"))


def test_the_recordings_are_complete_and_small() -> None:
    files = [path for path in demo.RECORDINGS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6_000_000
    assert sum(path.suffix == ".mp4" for path in files) == sum(path.suffix == ".parquet" for path in files) == 18
    assert {"README.md", "LICENSE"} <= {path.name for path in files}


def test_another_demo_goes_into_another_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl").write_text("")
    assert main(["demo", f"--output_dir={tmp_path}"]) == 2
    assert "choose another --output_dir" in capsys.readouterr().err


def test_the_closing_words_name_the_pictures_and_the_next_commands(tmp_path: Path) -> None:
    words = demo.closing_words(RunFolder(tmp_path), learned=True)
    assert str(tmp_path / "plots" / "actions_predicted.png") in words
    assert f"understudy eval --policy.path={tmp_path}" in words
    assert "understudy train --policy.type=act" in words
