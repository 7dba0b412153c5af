"""What happened in a run, read from its events.jsonl: the one source of everything that reports show.

Two things a reader has to expect: a torn last line (the run was killed while writing it), and steps that were done
twice (a run killed at step 900 and resumed from its checkpoint at 800 logs 800 to 900 again; the later ones count).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.events import Event, read_events

# events that belong to an optimiser step, and are superseded when that step is done again
_OF_A_STEP = {"step", "validation", "evaluation", "checkpoint"}
# what numbers that JSON cannot hold are written as
_SPELLED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass
class History:
    """The events of a run by kind, in order, each step once.

    started     the first `run_started`; {} when there is none
    last_step   updates done, as far as any event tells
    """

    started: Event = field(default_factory=dict)
    steps: list[Event] = field(default_factory=list)
    validations: list[Event] = field(default_factory=list)
    evaluations: list[Event] = field(default_factory=list)
    telemetry: list[Event] = field(default_factory=list)
    resumed_from: list[int] = field(default_factory=list)
    last_step: int = 0


def read_history(path: Path) -> History:
    """The history of a run from its events.jsonl; an empty one when there is no file."""
    return history_of(read_events(path))


def history_of(events: Iterable[Event]) -> History:
    """The history that events tell, in their order."""
    history = History()
    kept: list[Event] = []
    for event in events:
        if event["event"] in _OF_A_STEP and number(event.get("step")) is None:
            continue  # damaged: nobody knows when it was
        if event["event"] == "run_resumed":
            step = int(number(event.get("from_step", event.get("step"))) or 0)
            history.resumed_from.append(step)
            kept = [old for old in kept if old["event"] not in _OF_A_STEP or old.get("step", 0) <= step]
        elif event["event"] == "run_started" and not history.started:
            history.started = event
        kept.append(event)
    history.steps = [event for event in kept if event["event"] == "step"]
    history.validations = [event for event in kept if event["event"] == "validation"]
    # a run that was stopped in the middle of an evaluation makes it after it was resumed; of two the later one counts
    evaluations = {event.get("step"): event for event in kept if event["event"] == "evaluation"}
    history.evaluations = list(evaluations.values())
    history.last_step = max((int(number(event.get("step")) or 0) for event in kept), default=0)
    history.telemetry = [event for event in kept if event["event"] == "telemetry"]
    return history


def series(events: list[Event], y: str, x: str = "step") -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of the events that have both, as float64; a dotted name reaches inside ("baselines.hold")."""
    columns = [_values(events, name) for name in (x, y)]
    if all(set(map(type, column)) <= {float, int} for column in columns):
        # a log can have 100,000 lines, and nearly all of its columns are plain numbers
        return np.array(columns[0], dtype=np.float64), np.array(columns[1], dtype=np.float64)
    points = zip(map(number, columns[0]), map(number, columns[1]), strict=True)
    table = np.array([(a, b) for a, b in points if a is not None and b is not None], dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _values(events: list[Event], name: str) -> list[Any]:
    return [lookup(event, name) for event in events] if "." in name else [event.get(name) for event in events]


def lookup(event: Event, name: str) -> Any:
    """The value at a dotted name, or None."""
    value: Any = event
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is grouped under a name; {} where nothing is, or something else."""
    found = tree.get(name)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> float | None:
    """`value` as a float, with "NaN" and "Infinity" as they are spelled in events; None when it is not a number."""
    if isinstance(value, str):
        return _SPELLED.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
