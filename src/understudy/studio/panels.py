"""Panels: what a history holds, as titled groups of curves: the same ones for one run and for several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from understudy.core.events import Event
from understudy.report.events import History, number, series
from understudy.report.measures import MACHINE, loss_name

from .curve_chart import COLORS, Curve
from .event_log import MOST_LINES

Panels = dict[str, list[Curve]]

# where the x axis of a panel is the time: minutes since the start
MACHINE_TITLES = frozenset(f"{measure.title}, {measure.unit}" for measure in MACHINE.values())


def panels_of(history: History) -> Panels:
    """Every group that there is something to show in, in the order in which one wants to see them."""
    found = {title: [_thinned(curve) for curve in curves if len(curve.x)] for title, curves in _all(history)}
    return {title: curves for title, curves in found.items() if curves}


def _thinned(curve: Curve) -> Curve:
    """At most twice as many points as a log's history has: where validations are many, they are evenly spaced, too."""
    if len(curve.x) <= 2 * MOST_LINES + 2:
        return curve
    kept = np.linspace(0, len(curve.x) - 1, MOST_LINES).round().astype(np.int64)
    return replace(curve, x=curve.x[kept], y=curve.y[kept])


def side_by_side(runs: Mapping[str, Panels]) -> Panels:
    """The panels of several runs, without references: a run keeps its colour, and its curves differ by their dashes."""
    titles = dict.fromkeys(title for panels in runs.values() for title in panels)
    return {title: list(_of_all(runs, title)) for title in titles}


def _of_all(runs: Mapping[str, Panels], title: str) -> Iterator[Curve]:
    own = [[curve for curve in panels.get(title, []) if not curve.reference] for panels in runs.values()]
    several = max(map(len, own)) > 1
    for hue, (run, curves) in enumerate(zip(runs, own, strict=True)):
        for place, curve in enumerate(curves):
            name = f"{run}: {curve.name}" if several else run
            yield replace(curve, name=name, look=(hue, place + hue // len(COLORS)))


def _all(history: History) -> Iterator[tuple[str, list[Curve]]]:
    names = _loss_names(history.steps)
    # where the held-out loss lacks a part (ACT's KL is there in training alone), the two sums are no two of a kind
    alike = all(any(key in event for event in history.validations[-1:]) for key in names)
    for key in names:
        name = loss_name(key)
        title = name[0].upper() + name[1:]
        curves = [_curve("training", history.steps, key), _curve("held out", history.validations, key)]
        yield title, curves if alike or key != "loss" else curves[:1]
    yield "Held-out action error, standard deviations", _held_out(history)
    yield "Success in simulation, %", [_success(history)]
    rates = [key for key in _keys(history.steps) if key.startswith("lr")]
    distinct = [key for key in rates if key == "lr" or not _same(history.steps, key, "lr")]
    yield "Learning rate", [_curve(key.removeprefix("lr_"), history.steps, key) for key in distinct]
    yield "Gradient norm before clipping", [_curve("norm", history.steps, "grad_norm")]
    yield "Samples a second", [_curve("samples a second", history.steps, "samples_per_s")]
    yield "Wait for data, % of a step", [_waiting(history)]
    began = next(
        (number(event["time"]) or 0.0 for event in (history.started, *history.telemetry) if "time" in event), 0.0
    )
    for key, (name, unit, divisor) in MACHINE.items():
        seconds, values = series(history.telemetry, key, x="time")
        yield f"{name}, {unit}", [Curve(name, (seconds - began) / 60, values / divisor)]


def _began(history: History) -> float:
    """Unix seconds of the first event that tells when it was."""
    told = (number(event.get("time")) for event in (history.started, *history.telemetry))
    return next((seconds for seconds in told if seconds is not None), 0.0)


def _loss_names(steps: list[Event]) -> list[str]:
    keys = _keys(steps)
    return ["loss", *(key for key in keys if key.endswith("_loss") and not _same(steps, key, "loss"))]


def _keys(steps: list[Event]) -> list[str]:
    """Names of what the first and the last steps tell."""
    return list(dict.fromkeys(key for event in (*steps[:1], *steps[-1:]) for key in event))


def _same(steps: list[Event], one: str, other: str) -> bool:
    a, b = series(steps, one)[1], series(steps, other)[1]
    return len(a) == len(b) and bool(np.array_equal(a, b, equal_nan=True))


def _curve(name: str, events: list[Event], key: str) -> Curve:
    return Curve(name, *series(events, key))


def _held_out(history: History) -> list[Curve]:
    curves = [_curve("policy", history.validations, "action_error")]
    for key, words in (("hold", "holding the last action"), ("mean", "the mean action")):
        curves.append(Curve(words, *series(history.validations, f"baselines.{key}"), reference=True))
    return curves


def _success(history: History) -> Curve:
    steps, successes = series(history.evaluations, "successes")
    n = series(history.evaluations, "n")[1]
    if len(n) != len(successes) or not n.all():
        return Curve("", np.empty(0), np.empty(0))
    return Curve("success", steps, 100 * successes / n)


def _waiting(history: History) -> Curve:
    steps, waited = series(history.steps, "data_s")
    update = series(history.steps, "update_s")[1]
    if len(update) != len(waited):
        return Curve("", np.empty(0), np.empty(0))
    return Curve("wait", steps, 100 * waited / np.maximum(waited + update, 1e-12))
