"""Faults of trainings, put into the events of sound ones: `RUN_FAULTS`, each at several strengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from doctor_faults import Fault
from understudy.diagnose.run_view import RunView
from understudy.report.events import history_of


def _run(change: Callable[[list[dict[str, Any]], float], list[dict[str, Any]]], **facts: Any) -> Any:
    """A change of a run's events, as a change of its view."""

    def put(view: RunView, strength: float) -> RunView | None:
        events = change([dict(event) for event in view.events], strength)
        return replace(view, events=tuple(events), history=history_of(events), facts=view.facts | facts)

    return put


def _steps(events: list[dict[str, Any]], kind: str = "step") -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def _late(kind: str, name: str, change: Callable[[Any, float, float], Any], since: float = 0.6) -> Any:
    """(value, share of the rest that has passed, strength) -> value, of the events from `since` of the run on."""

    def put(events: list[dict[str, Any]], strength: float) -> list[dict[str, Any]]:
        those = _steps(events, kind)
        first = int(since * len(those))
        for number, event in enumerate(those[first:]):
            if name in event:
                event[name] = change(event[name], (number + 1) / (len(those) - first), strength)
        return events

    return _run(put)


def _spike_of_loss(events: list[dict[str, Any]], times: float) -> list[dict[str, Any]]:
    those = _steps(events)
    those[len(those) // 2]["loss"] *= times
    return events


def _starved(events: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    for event in _steps(events):  # at the speed of a real one: half a second a step
        event |= {"update_s": 0.5 * (1 - share), "data_s": 0.5 * share}
    return events


def _stopped(view: RunView, share: float) -> RunView:
    last = share * view.last_step
    events = [e for e in view.events if e.get("step", 0) <= last and not e["event"].startswith("run_f")]
    return replace(view, events=tuple(events), history=history_of(events), ended="interrupted")


def _rising(value: float, passed: float, times: float) -> float:
    return float(value * times**passed)


RUN_FAULTS = {
    "loss no number": Fault("non_finite", "all", (1,), _late("step", "loss", lambda v, p, x: float("nan"))),
    "loss diverges": Fault("divergence", "times", (1.5, 4, 20), _late("step", "loss", _rising)),
    "one loss jumps": Fault("loss_spikes", "times", (3, 8, 30), _run(_spike_of_loss)),
    "held-out error rises": Fault(
        "overfitting", "times", (1.05, 1.3, 2), _late("validation", "action_error", _rising, 0.5)
    ),
    "waits for data": Fault("starved_by_data", "of a step", (0.05, 0.15, 0.6), _run(_starved)),
    "stopped early": Fault("ended_early", "of the steps", (0.6, 0.4, 0.1), _stopped),
    "gradients clipped": Fault(
        "gradients_clipped", "of them", (0.5, 0.95), _late("step", "clipped_fraction", lambda v, p, x: x, 0.0)
    ),
}
