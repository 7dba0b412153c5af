"""From trials to numbers: counts with exact intervals, spreads over models, differences between the families.

Two kinds of interval stand beside each rate, because they answer different questions. The exact one (Clopper-Pearson,
over all episodes) is about these models; the t interval over the models' own rates is about the recipe that trained
them. Differences are taken with models as units: Welch's interval treats the two groups as strangers, the paired one
uses that the m-th model of either family met the same starts and the same noise.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from understudy.core.stats import Interval, clopper_pearson, mean_interval, welch_interval

from .pendulum_trials import Cell, Trials

# the value of one model in one cell
Measure = Callable[[Trials, int], float]


ENOUGH_SUCCESS, MOST_BELOW = 0.995, 0.02
# 0.88 - 0.9 is a little less than -0.02
_ROUNDING = 1e-9


def success_rate(trials: Trials, cell: int) -> float:
    """A: share of the episodes in which the pole stood to the end."""
    return float(trials.success[cell].mean())


def convergence_rate(trials: Trials, cell: int) -> float:
    """B: share of the episodes in which it was calm for ten steps in a row."""
    return float(trials.converged[cell].mean())


def velocity_spread(trials: Trials, cell: int) -> float:
    """[m/s] standard deviation of the cart's velocity, pooled over all steps and episodes."""
    n = float(trials.steps[cell].sum())
    mean = float(trials.velocity_sum[cell].sum()) / n
    return math.sqrt(max(0.0, float(trials.velocity_squares[cell].sum()) / n - mean * mean))


# name -> the value, and whether it is a rate
MEASURES: dict[str, tuple[Measure, bool]] = {
    "success": (success_rate, True),
    "convergence": (convergence_rate, True),
    "velocity_sd": (velocity_spread, False),
}


def cells_of(trials: Trials) -> list[Cell]:
    """The cells in the order of the arrays."""
    return [Cell(float(noise), int(replan)) for noise, replan in zip(trials.noise, trials.replan, strict=True)]


def summary_of(models: Sequence[Trials]) -> dict[str, Any]:
    """Everything about one subject; `models` are its trained models, or the one reference.

    cells      per cell: noise, replan, label, `success` and `convergence` as `rate` has them, `steps_to_convergence`
               (mean over the episodes that succeed and converge, None without one), `velocity_sd`
    survival   per cell: share of the episodes in which the pole still stood after 0, 1, ... steps
    """
    found = []
    for index, cell in enumerate(cells_of(models[0])):
        found.append(
            {"noise": cell.noise, "replan": cell.replan, "label": cell.label}
            | {name: rate([getattr(m, array)[index] for m in models]) for name, array in _RATES.items()}
            | {"steps_to_convergence": steps_to_convergence(models, index), "velocity_sd": _velocity(models, index)}
        )
    return {"models": len(models), "cells": found, "survival": survival(models)}


_RATES = {"success": "success", "convergence": "converged"}


def rate(outcomes: Sequence[np.ndarray]) -> dict[str, Any]:
    """k of n over all models, its exact interval, each model's own rate and the half-width of their t interval."""
    k, n = int(sum(o.sum() for o in outcomes)), sum(len(o) for o in outcomes)
    each = [float(o.mean()) for o in outcomes]
    return {
        "k": k,
        "n": n,
        "rate": k / n,
        "interval": clopper_pearson(k, n).to_json(),
        "models": each,
        "half_width": half_width(each),
    }


def half_width(values: Sequence[float]) -> float | None:
    """Of the 95 % t interval of their mean; None of a single value."""
    if len(values) < 2:
        return None
    interval = mean_interval(values)
    return (interval.high - interval.low) / 2


def steps_to_convergence(models: Sequence[Trials], cell: int) -> float | None:
    """Mean first step of the first calm window over the episodes that succeed and converge; None without one."""
    steps = np.concatenate([m.converged_at[cell][m.success[cell] & m.converged[cell]] for m in models])
    return float(steps.mean()) if len(steps) else None


def _velocity(models: Sequence[Trials], cell: int) -> dict[str, Any]:
    each = [velocity_spread(model, cell) for model in models]
    return {"mean": statistics.fmean(each), "models": each, "half_width": half_width(each)}


def survival(models: Sequence[Trials]) -> list[list[float]]:
    """Per cell: the share of all episodes whose pole stands after 0, 1, 2, ... steps."""
    curves = []
    for cell in range(len(models[0].noise)):
        steps = np.concatenate([m.steps[cell] for m in models])
        stood = np.concatenate([m.steps[cell] - ~m.success[cell] for m in models])
        curves.append([float((stood >= step).mean()) for step in range(int(steps.max()) + 1)])
    return curves


def differences(a: Sequence[Trials], b: Sequence[Trials]) -> dict[str, Any]:
    """a minus b in every cell and over all of them, for each of MEASURES; {} with fewer than two models a side.

    `paired` is None where the groups differ in size or in their episodes.
    """
    if min(len(a), len(b)) < 2:
        return {}
    paired = same_episodes(a, b)

    def of(values: Callable[[Trials, Measure], float]) -> dict[str, Any]:
        return {
            name: difference(
                [values(m, measure) for m in a], [values(m, measure) for m in b], paired=paired, rates=is_rate
            )
            for name, (measure, is_rate) in MEASURES.items()
        }

    cells = cells_of(a[0])
    per_cell = [
        {"label": cell.label} | of(lambda model, measure, i=i: measure(model, i))  # type: ignore[misc]
        for i, cell in enumerate(cells)
    ]
    everywhere = range(len(cells))
    overall = of(lambda model, measure: statistics.fmean(measure(model, i) for i in everywhere))
    return {"cells": per_cell, "overall": overall}


def same_episodes(a: Sequence[Trials], b: Sequence[Trials]) -> bool:
    """Whether the m-th model of either side met the same episodes, for every m."""
    return len(a) == len(b) and all(np.array_equal(x.seeds, y.seeds) for x, y in zip(a, b, strict=True))


def difference(a: Sequence[float], b: Sequence[float], *, paired: bool, rates: bool) -> dict[str, Any]:
    """Means of the models' values, their difference, and its two intervals; those of rates end at -1 and 1."""
    pairs = [x - y for x, y in zip(a, b, strict=True)] if paired else []
    widest = 1.0 if rates else math.inf

    def within(interval: Interval) -> list[float]:
        return [max(-widest, interval.low), min(widest, interval.high)]

    return {
        "a": statistics.fmean(a),
        "b": statistics.fmean(b),
        "difference": statistics.fmean(a) - statistics.fmean(b),
        "welch": within(welch_interval(a, b)),
        "paired": within(mean_interval(pairs)) if paired else None,
    }


def against_ceiling(models: Sequence[Trials], ceiling: Trials) -> list[dict[str, Any]]:
    """Per cell: how models stand to "PID ahead" on the same episodes.

    A reaches its aim from 99.5 % on, B from 2 points below the ceiling on. `interval` is that of B's difference, over
    the models, each against the ceiling on its own episodes; None of a single model.
    """
    found = []
    for index, cell in enumerate(cells_of(ceiling)):
        shared = [np.isin(ceiling.seeds, model.seeds) for model in models]
        below = [
            float(model.converged[index].mean() - ceiling.converged[index][rows].mean())
            for model, rows in zip(models, shared, strict=True)
        ]
        success = rate([model.success[index] for model in models])["rate"]
        found.append(
            {
                "label": cell.label,
                "success": success,
                "difference": statistics.fmean(below),
                "interval": mean_interval(below).to_json() if len(below) > 1 else None,
                "success_reached": success >= ENOUGH_SUCCESS,
                "convergence_reached": statistics.fmean(below) >= -MOST_BELOW - _ROUNDING,
            }
        )
    return found


def within_stock_limits(models: Sequence[Trials], angle: float, cart: float) -> list[dict[str, Any]]:
    """Per cell: the rate of episodes that never left the limits of the unmodified environment, judged afterwards.

    angle, cart   0.2 rad and 1 m there. An episode goes on where that environment would have ended it, and its rail has
                  no stop at 1 m, so this counts who stayed inside, not what would have happened at the stop.
    """
    inside = [m.success & (m.widest_angle <= angle) & (m.widest_cart <= cart) for m in models]
    return [
        {"label": cell.label} | rate([table[index] for table in inside])
        for index, cell in enumerate(cells_of(models[0]))
    ]
