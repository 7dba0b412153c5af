"""The demo's whole story, as small as it gets; as it is meant, in a slow test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.cli.main import main
from understudy.core import log
from understudy.core.run_folder import RunFolder
from understudy.data.lerobot import load_dataset


@pytest.fixture(autouse=True)
def stdout_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """--json keeps stdout for its document until the process ends, and all tests share one process."""
    monkeypatch.setattr(log, "_to_stderr", False)


def test_the_whole_story_in_one_update(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One update teaches nothing, so the answer is negative; everything that a real demo leaves is there."""
    folder = tmp_path / "demo"
    words = ["demo", "--task=so101/reach", "--episodes=3", "--steps=1", "--trials=2", f"--output_dir={folder}"]
    assert main([*words, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["n"] == 2
    assert document["learned"] is False
    assert {name: other["n"] for name, other in document["beside"].items()} == {"hold": 2, "cameras blank": 2}
    assert len(load_dataset("demo", root=folder / "demonstrations").episodes) == 3
    run = RunFolder(folder / "run")
    for left in (run.config, run.split, run.events, run.last, run.eval / "success/episodes.jsonl"):
        assert left.exists(), left
    page = (run.path / "report.md").read_text()
    assert f"{document['successes']}/2" in page
    assert "| hold | so101/reach | 0/2" in page


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("mine")
    assert main(["demo", f"--output_dir={tmp_path}"]) == 2
    assert "there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_real_demo_learns_its_task(tmp_path: Path) -> None:
    # in a process of its own: the tests' processes compute with one thread
    words = [sys.executable, "-m", "understudy", "demo", f"--output_dir={tmp_path / 'demo'}", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "2"}, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(done.stdout)
    assert document["learned"] is True
    assert document["interval"][0] > document["beside"]["hold"]["interval"][1]
    assert document["success_rate"] > document["beside"]["cameras blank"]["success_rate"]
