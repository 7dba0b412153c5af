from __future__ import annotations

import math
from pathlib import Path

import pytest

from understudy.core.events import read_events
from understudy.report.events import read_history, series


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_a_torn_last_line_is_passed_over(log: Path) -> None:
    log.write_text('{"event": "step", "step": 1, "loss": 2.0}\n{"event": "step", "st')
    assert [event["step"] for event in read_events(log)] == [1]


def test_a_line_cut_inside_a_character_is_passed_over(log: Path) -> None:
    log.write_bytes('{"event": "step", "step": 1}\n{"event": "finding", "message": "ü'.encode()[:-1])
    assert len(read_events(log)) == 1


def test_a_run_without_events_has_an_empty_history(log: Path) -> None:
    assert read_history(log).steps == []


def test_steps_done_again_after_a_resume_count_once(log: Path) -> None:
    log.write_text(
        '{"event": "run_started", "step": 0}\n'
        '{"event": "step", "step": 10, "loss": 5.0}\n'
        '{"event": "step", "step": 20, "loss": 4.0}\n'
        '{"event": "telemetry", "step": 20, "cpu_percent": 50}\n'
        '{"event": "run_resumed", "step": 10, "from_step": 10}\n'
        '{"event": "step", "step": 20, "loss": 3.0}\n'
    )
    history = read_history(log)
    steps, loss = series(history.steps, "loss")
    assert steps.tolist() == [10, 20]
    assert loss.tolist() == [5.0, 3.0]
    assert history.resumed_from == [10]
    assert len(history.telemetry) == 1  # the machine did work then, whatever became of the steps


def test_numbers_that_are_not_finite_are_read_as_they_are_spelled(log: Path) -> None:
    log.write_text('{"event": "step", "step": 1, "loss": "NaN"}\n{"event": "step", "step": 2, "loss": "-Infinity"}\n')
    _, loss = series(read_events(log), "loss")
    assert math.isnan(loss[0])
    assert loss[1] == -math.inf


def test_events_that_lack_a_key_leave_no_point(log: Path) -> None:
    log.write_text(
        '{"event": "validation", "step": 1, "baselines": {"hold": 0.5}}\n'
        '{"event": "validation", "step": 2, "loss": 1}\n'
    )
    steps, hold = series(read_events(log), "baselines.hold")
    assert (steps.tolist(), hold.tolist()) == ([1.0], [0.5])
