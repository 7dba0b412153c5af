"""Every run below some folders, as a table tells of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from fake_run import started, step, validation, write_events, write_run
from make_dataset import make_dataset
from understudy.core.run_folder import RunFolder
from understudy.studio.run_list import RunList, find_runs


def rows(root: Path) -> dict[str, object]:
    return {row.path.name: row for row in RunList([root]).rows()}


def test_runs_are_found_wherever_they_lie_and_nothing_inside_them_is_taken_for_one(tmp_path: Path) -> None:
    for name in ("a", "ensemble/seed-1000", "ensemble/seed-1001", ".hidden/x"):
        write_run(tmp_path / name)
    write_run(tmp_path / "a" / "eval" / "not-a-run")
    (tmp_path / "lerobot/checkpoints/000200/pretrained_model").mkdir(parents=True)
    found = [path.relative_to(tmp_path).as_posix() for path in find_runs(tmp_path)]
    assert found == ["a", "ensemble/seed-1000", "ensemble/seed-1001", "lerobot"]


def test_a_folder_may_be_called_as_a_part_of_a_run_or_of_a_dataset_is(tmp_path: Path) -> None:
    for name in ("data/runs/a", "eval/b", "logs/c", "images/videos/d"):
        write_run(tmp_path / name)
    assert [path.name for path in find_runs(tmp_path)] == ["a", "b", "d", "c"]


def test_a_run_beside_the_files_of_a_dataset_is_found_and_those_are_not_looked_through(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "cube", episodes=1, frames=3)
    write_run(dataset / "runs/a")
    write_run(dataset / "data/chunk-000/b")
    assert [path.name for path in find_runs(tmp_path)] == ["a"]


def test_a_row_tells_the_last_numbers_of_the_log(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", steps=1000)
    run.config.write_text(json.dumps({"steps": 2000, "policy": {"type": "act"}}))
    row = rows(tmp_path)["a"]
    assert (row.state, row.policy, row.dataset) == ("finished", "act", "somebody/banana")
    assert (row.step, row.steps, row.loss) == (1000, 2000, step(1000, 1000)["loss"])
    assert row.held_out == validation(1000, 1000)["action_error"]
    assert row.began == 1000.0


def test_a_run_that_writes_is_running_and_one_that_fell_silent_is_not(tmp_path: Path) -> None:
    write_events(RunFolder(tmp_path / "live"), [started(), step(1, 10)])
    write_events(RunFolder(tmp_path / "killed"), [started(), step(1, 10)])
    old = time.time() - 3600
    os.utime(tmp_path / "killed/events.jsonl", (old, old))
    found = rows(tmp_path)
    assert (found["live"].state, found["killed"].state) == ("running", "silent")


def test_a_run_that_was_interrupted_and_goes_on_is_running(tmp_path: Path) -> None:
    ends = [{"event": "run_interrupted", "step": 1}, {"event": "run_resumed", "step": 1, "from_step": 1}]
    write_events(RunFolder(tmp_path / "a"), [started(), step(1, 10), *ends, step(2, 10)])
    assert rows(tmp_path)["a"].state == "running"


def test_the_success_is_that_of_the_newest_evaluation_of_the_policy_itself(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a")
    for age, (name, summary) in enumerate(
        {
            "blind": {"successes": 0, "n": 20, "protocol": {"probe": "cameras blank"}},
            "hold": {"successes": 1, "n": 20, "reference": "hold", "protocol": {}},
            "new": {"successes": 18, "n": 20, "protocol": {}},
            "old": {"successes": 9, "n": 20, "protocol": {}},
        }.items()
    ):
        (run.eval / name).mkdir(parents=True)
        path = run.eval / name / "summary.json"
        path.write_text(json.dumps(summary))
        os.utime(path, (1000 - age, 1000 - age))
    assert rows(tmp_path)["a"].success == (18, 20)


def test_a_folder_of_another_trainer_is_listed_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "lerobot/checkpoints/000200/pretrained_model").mkdir(parents=True)
    row = rows(tmp_path)["lerobot"]
    assert (row.state, row.step, row.loss, row.began) == ("silent", 200, None, None)


def test_what_has_changed_is_read_again_and_what_is_gone_is_left_out(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", steps=100)
    write_run(tmp_path / "b")
    runs = RunList([tmp_path])
    assert len(runs.rows()) == 2
    run.events.write_text(run.events.read_text() + json.dumps({"event": "step", "step": 110, "loss": 0.25}) + "\n")
    (tmp_path / "b/events.jsonl").unlink()
    (row,) = runs.rows()
    assert (row.step, row.loss) == (110, 0.25)


def test_damaged_files_leave_gaps_in_a_row_and_nothing_worse(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "a")
    (run.eval / "x").mkdir(parents=True)
    run.events.write_bytes(b'{"event": "step", "step": "many", "loss": []}\n{"event": "validation"\xff')
    run.config.write_text("[]")
    (run.eval / "x/summary.json").write_text("{")
    row = rows(tmp_path)["a"]
    assert (row.step, row.loss, row.success) == (0, None, None)
