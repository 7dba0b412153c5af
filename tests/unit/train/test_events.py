"""The event log: whole lines or none, numbers JSON can hold, readers that survive a torn line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.core.errors import DiskFull
from understudy.core.events import read_events
from understudy.train.events import EventLog


def test_an_event_is_one_json_line_with_the_common_keys(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events.jsonl") as log:
        log.append("step", 7, loss=0.5)
    [line] = (tmp_path / "events.jsonl").read_text().splitlines()
    event = json.loads(line)
    assert (event["event"], event["step"], event["loss"]) == ("step", 7, 0.5)
    assert isinstance(event["time"], float)


def test_numbers_that_are_not_finite_are_written_as_strings(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e") as log:
        log.append("step", 1, a=float("nan"), b={"c": [float("inf"), -float("inf")]})
    event = json.loads((tmp_path / "e").read_text(), parse_constant=lambda name: pytest.fail(f"bare {name}"))
    assert event["a"] == "NaN"
    assert event["b"] == {"c": ["Infinity", "-Infinity"]}


def test_a_torn_last_line_is_passed_over_when_reading_and_cut_off_before_appending(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:
        log.append("step", 1)
        log.append("step", 2)
    path.write_bytes(path.read_bytes()[:-5])
    assert [e["step"] for e in read_events(path)] == [1]
    with EventLog(path) as log:
        log.append("step", 3)
    assert [e["step"] for e in read_events(path)] == [1, 3]


def test_lines_of_several_threads_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:

        def write(kind: int) -> None:
            for i in range(50):
                log.append("telemetry", i, kind=kind, filler="x" * 500)

        threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = read_events(path)
    assert len(events) == 200
    for kind in range(4):
        assert [e["step"] for e in events if e["kind"] == kind] == list(range(50))


def test_sinks_see_every_event(tmp_path: Path) -> None:
    seen: list[int] = []

    class Recorder:
        def event(self, event: dict[str, object]) -> None:
            seen.append(int(str(event["step"])))

        def close(self) -> None:
            seen.append(-1)

    with EventLog(tmp_path / "e", [Recorder()]) as log:
        log.append("step", 1)
        log.append("step", 2)
    assert seen == [1, 2, -1]


def test_a_full_disk_is_reported_and_leaves_only_whole_lines(small_disk: Callable[[int], Path]) -> None:
    path = small_disk(1_000_000) / "events.jsonl"
    with EventLog(path) as log, pytest.raises(DiskFull, match="disk is full"):
        for step in range(100_000):
            log.append("step", step, filler="x" * 3000)
    text = path.read_bytes()
    assert text.endswith(b"\n")
    assert all(json.loads(line) for line in text.splitlines())
