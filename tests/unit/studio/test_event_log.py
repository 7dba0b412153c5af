"""events.jsonl, read on from where it stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fake_run import step
from understudy.report.events import read_history, series
from understudy.studio.event_log import MOST_LINES, EventLog


def append(path: Path, *events: dict[str, object]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps({"event": event["event"], "time": 1.0, **event}) + "\n" for event in events)


def steps(first: int, last: int) -> list[dict[str, object]]:
    return [step(number, 100) for number in range(first, last + 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_what_is_read_is_what_the_reports_read(path: Path) -> None:
    append(path, {"event": "run_started", "step": 0}, *steps(1, 30), {"event": "validation", "step": 30, "loss": 0.5})
    log = EventLog(path)
    assert log.read_on()
    found, expected = log.history(), read_history(path)
    assert found == expected


def test_reading_on_finds_the_new_lines_alone_and_says_whether_there_were_any(path: Path) -> None:
    log = EventLog(path)
    assert not log.read_on()
    append(path, *steps(1, 5))
    assert log.read_on()
    assert not log.read_on()
    append(path, *steps(6, 7), {"event": "checkpoint", "step": 7})
    assert log.read_on()
    assert (log.count("step"), len(log.others)) == (7, 1)
    assert series(log.history().steps, "step")[0].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_a_torn_last_line_waits_until_it_is_whole(path: Path) -> None:
    append(path, *steps(1, 2))
    line = json.dumps({"event": "step", "time": 1.0, "step": 3})
    with path.open("a") as file:
        file.write(line[:20])
    log = EventLog(path)
    log.read_on()
    assert log.count("step") == 2
    with path.open("a") as file:
        file.write(line[20:] + "\n")
    assert log.read_on()
    assert log.history().steps[-1]["step"] == 3


def test_a_file_that_became_shorter_is_read_from_its_begin(path: Path) -> None:
    append(path, *steps(1, 9))
    log = EventLog(path)
    log.read_on()
    path.write_text("")
    append(path, *steps(1, 2))
    log.read_on()
    assert log.count("step") == 2


def test_a_new_file_of_the_same_name_is_read_from_its_begin(path: Path) -> None:
    append(path, *steps(1, 2))
    log = EventLog(path)
    log.read_on()
    other = path.with_name("other")
    append(other, *steps(1, 9))
    other.replace(path)
    log.read_on()
    assert log.count("step") == 9


def test_lines_that_are_no_events_are_passed_over(path: Path) -> None:
    path.write_bytes(b"\n\xff\xfe\n[1]\n{}\n")
    append(path, *steps(1, 1))
    log = EventLog(path)
    log.read_on()
    assert (log.count("step"), log.others) == (1, [])


def test_steps_that_another_program_spaced_differently_are_steps_too(path: Path) -> None:
    path.write_text('{"step":4,"event":"step","loss":0.5}\n')
    log = EventLog(path)
    log.read_on()
    assert series(log.history().steps, "loss")[1].tolist() == [0.5]


def test_steps_that_were_done_again_after_a_resume_count_once(path: Path) -> None:
    append(path, *steps(1, 6), {"event": "run_resumed", "step": 4, "from_step": 4}, *steps(5, 8))
    log = EventLog(path)
    log.read_on()
    assert series(log.history().steps, "step")[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.fixture
def long_log(path: Path) -> EventLog:
    lines = [{"event": "step", "time": 1.0, "step": i, "loss": float(i % 97)} for i in range(1, 3 * MOST_LINES + 1)]
    append(path, *lines, {"event": "validation", "step": 3 * MOST_LINES, "loss": 1.0})
    log = EventLog(path)
    log.read_on()
    return log


def test_of_a_long_log_evenly_spaced_lines_are_shown_the_first_and_the_last_among_them(long_log: EventLog) -> None:
    found = series(long_log.history().steps, "step")[0]
    assert long_log.is_sampled()
    assert (len(found), found[0], found[-1]) == (MOST_LINES, 1, 3 * MOST_LINES)
    assert np.diff(found).max() <= 4
    assert len(long_log.history().validations) == 1


def test_between_two_steps_every_line_of_a_long_log_is_shown(long_log: EventLog) -> None:
    found, loss = series(long_log.history((5000, 5200)).steps, "loss")
    assert set(range(5000, 5201)) <= set(found.astype(int).tolist())
    assert loss.tolist() == [float(s % 97) for s in found.astype(int).tolist()]
