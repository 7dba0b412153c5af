"""Runs that are damaged, unfinished or in an odd place: the report is of what is left, or says in a line why not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_run import evaluation_summary, write_evaluation, write_run
from understudy.cli.main import main
from understudy.core.run_folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = write_run(tmp_path / "cube", steps=100)
    made.config.write_text(json.dumps({"policy": {"type": "act"}, "dataset": {"repo_id": "u/n"}, "steps": 100}))
    return made


def page(run: RunFolder) -> str:
    assert main(["report", str(run.path)]) == 0
    return (run.path / "report.md").read_text()


def simulated(run: RunFolder, name: str, **changed: Any) -> Path:
    path = run.eval / name / "summary.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(evaluation_summary() | changed))
    return path


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"successes": 3, "n"',
        "[]",
        "null",
        '{"successes": 3}',
        json.dumps(evaluation_summary() | {"interval": None}),
        json.dumps(evaluation_summary() | {"n": "many"}),
        json.dumps(evaluation_summary() | {"protocol": "yes"}),
        json.dumps({"action_mae": 3, "frames": 5, "episodes": [1], "baselines": {}}),
    ],
)
def test_a_damaged_evaluation_is_named_and_takes_nothing_from_the_others(run: RunFolder, content: str) -> None:
    simulated(run, "whole-000100")
    simulated(run, "damaged").write_text(content)
    found = page(run)
    assert "10/20 = 50.0%" in found and "Left out, because it cannot be read" in found
    assert "`eval/damaged/summary.json`" in found and "whole-000100/summary.json" not in found


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive"])
def test_predictions_that_cannot_be_read_are_not_drawn_and_the_page_is_made(
    run: RunFolder, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (write_evaluation(run) / "predictions.npz").write_bytes(content)
    assert "## How the training went" in page(run)
    assert "cannot be drawn" in "".join(capsys.readouterr())


def test_a_torn_last_line_and_lines_that_are_no_events_are_passed_over(run: RunFolder) -> None:
    whole = page(run)
    with run.events.open("ab") as file:
        file.write(b'\x00\xff\n[1, 2]\n{"event": "step"}\n{"event": "checkpoint", "step": "x"}\n')
        file.write(b'{"event": "evaluation", "step": 100, "success_rate": 0.5}\n{"event": "step", "step": 9')
    assert page(run) == whole


def test_groups_that_are_something_else_are_passed_over(run: RunFolder) -> None:
    lines = run.events.read_text().splitlines(keepends=True)
    first = json.dumps({"event": "run_started", "time": 0, "step": 0, "dataset": 5, "policy": [], "machine": "x"})
    run.events.write_text("".join([first + "\n", *lines[1:]]))
    run.config.write_text('{"policy": 3, "steps": "many"}')
    run.split.write_text('{"train": 5, "validation": {"a": 1}}')
    assert "## How the training went" in page(run)


def test_a_run_without_a_single_step_has_a_page(run: RunFolder) -> None:
    run.events.write_text(run.events.read_text().splitlines(keepends=True)[0])
    assert "0 of 100 updates" in page(run)


def test_an_empty_file_of_events_has_a_page_that_says_so(run: RunFolder) -> None:
    run.events.write_text("")
    assert "Whether it works is not known" in page(run)


@pytest.mark.parametrize("named", ["events.jsonl", "checkpoints/000100", "checkpoints/000100/pretrained_model"])
def test_a_run_is_known_by_what_is_in_it(run: RunFolder, named: str) -> None:
    (run.checkpoint(100, 100) / "pretrained_model").mkdir(parents=True)
    assert main(["report", str(run.path / named)]) == 0
    assert (run.path / "report.md").exists()


def test_a_place_without_a_training_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for place, said in (("gone", "no such file"), ("empty", "no log was found")):
        assert main(["report", str(tmp_path / place), f"--output_dir={tmp_path / 'page'}"]) in (2, 3)
        assert said in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_a_folder_that_may_not_be_written_to_is_said_and_nothing_changes(
    run: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # not by chmod: root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(["report", str(run.path)]) == 2
    assert not (run.path / "report.md").exists() and not run.plots.exists()
    assert "nothing may be written" in capsys.readouterr().err


def test_a_full_disk_ends_with_code_5_and_leaves_the_page_before_as_it_was(
    run: RunFolder, small_disk: Callable[[int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk(2_000_000)
    moved = RunFolder(disk / "cube")
    shutil.copytree(run.path, moved.path)
    before = page(moved)
    left = (disk / "filler").open("wb")
    with pytest.raises(OSError, match="No space"), left:
        while True:
            left.write(b"x" * 4096)
            left.flush()
    assert main(["report", str(moved.path)]) == 5
    assert "disk is full" in capsys.readouterr().err
    assert (moved.path / "report.md").read_text() == before
    assert not list(moved.path.rglob(".tmp-*"))
