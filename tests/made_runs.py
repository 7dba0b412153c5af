"""Trainings that never happened, as rules see them: curves by formula, with noise from a fixed seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.core.events import Event
from understudy.diagnose.logs.parsed import ParsedLog
from understudy.diagnose.run_view import RunView
from understudy.report.events import history_of

LINES = 200


def noisy(curve: np.ndarray, spread: float = 0.03) -> np.ndarray:
    """`curve` with the noise of a logged loss: a factor that is uniform in 1 - spread .. 1 + spread."""
    return curve * (1 + np.random.default_rng(0).uniform(-spread, spread, len(curve)))


def falling(lines: int = LINES, *, start: float = 5.0, power: float = 0.8) -> np.ndarray:
    """A loss that falls as a power of the step and never becomes flat."""
    return noisy(start * np.arange(1, lines + 1) ** -power)


def run(
    *,
    every: int = 100,
    facts: dict[str, Any] | None = None,
    validations: dict[str, np.ndarray] | None = None,
    telemetry: dict[str, Any] | None = None,
    events: list[Event] | None = None,
    log: ParsedLog | None = None,
    ended: str = "finished",
    **columns: Any,
) -> RunView:
    """A run with a `step` event every `every` steps that holds `columns`, each an array or one number for all.

    telemetry     columns of 100 `telemetry` events, a minute apart
    validations   columns of `validation` events, spread evenly over the run
    """
    columns = {"loss": falling()} | columns
    lines = max(len(np.atleast_1d(column)) for column in columns.values())
    table = {name: np.broadcast_to(column, lines).astype(float) for name, column in columns.items()}
    made = [{"event": "step", "step": every * (i + 1), **{n: c[i] for n, c in table.items()}} for i in range(lines)]
    for name, column in (validations or {}).items():
        at = np.linspace(every, every * lines, len(column))
        made += [{"event": "validation", "step": float(s), name: float(v)} for s, v in zip(at, column, strict=True)]
    machine = {name: np.broadcast_to(column, 100) for name, column in (telemetry or {}).items()}
    for minute in range(100 if machine else 0):
        values = {name: float(column[minute]) for name, column in machine.items()}
        made.append({"event": "telemetry", "step": 0, "time": 60.0 * minute, **values})
    made += events or []
    return RunView("made", history_of(made), facts or {}, ended, tuple(made), log)
