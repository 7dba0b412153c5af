"""The events of events.jsonl are a contract with everything that reads runs: a new one edits this list."""

from __future__ import annotations

from understudy.train.events import NAMES

EVENTS = {
    "run_started",
    "run_resumed",
    "step",
    "validation",
    "telemetry",
    "checkpoint",
    "finding",
    "evaluation",
    "run_finished",
    "run_interrupted",
    "run_failed",
}


def test_the_events_are_these() -> None:
    assert set(NAMES) == EVENTS
    assert len(NAMES) == len(EVENTS)
