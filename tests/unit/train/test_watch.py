from __future__ import annotations

import json
from pathlib import Path

from understudy.core.events import Event
from understudy.train.watch import Watch


def step(number: int, waited: float) -> Event:
    return {"event": "step", "step": number, "time": 0.0, "loss": 1.0, "data_s": waited, "update_s": 0.1}


def test_what_a_rule_finds_is_told_once() -> None:
    watch = Watch([], {})
    for number in range(100, 500, 100):
        watch.event(step(number, waited=0.001))
    assert watch.news() == []
    for number in range(500, 2000, 100):
        watch.event(step(number, waited=0.3))
    assert [finding.rule for finding in watch.news()] == ["starved_by_data"]
    watch.event(step(2000, waited=0.3))
    assert watch.news() == []


def test_a_run_that_is_gone_on_with_does_not_hear_the_same_again(tmp_path: Path) -> None:
    events = [step(number, waited=0.3) for number in range(100, 1000, 100)]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert [finding.rule for finding in Watch.of_run(path, {}).news()] == ["starved_by_data"]
    told = {"event": "finding", "step": 900, "time": 0.0, "rule": "starved_by_data"}
    path.write_text(path.read_text() + json.dumps(told) + "\n")
    assert Watch.of_run(path, {}).news() == []


def test_a_rule_that_needs_a_finished_run_is_not_asked() -> None:
    watch = Watch([], {})
    for number in range(100, 20_000, 100):
        watch.event(step(number, waited=0.0))
    assert watch.news() == []  # flat from the begin, and nothing is held out: said when it is over
