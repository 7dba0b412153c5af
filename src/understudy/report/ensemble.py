"""The pictures of an ensemble: each training seed as a thin line, their mean, and one standard deviation around it.

plots/overall_loss.png   training loss        plots/validation.png   held-out action error
      success.png        success in simulation
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from understudy.core.run_folder import RunFolder

from . import style
from .events import History, read_history, series

_Points = tuple[np.ndarray, np.ndarray]


def write_ensemble_plots(runs: Mapping[int, RunFolder], folder: Path, name: str) -> list[Path]:
    """Draw what the runs, by seed, have data for into `folder`; the files written. Raises DiskFull.

    name   of the ensemble, for the titles
    """
    histories = {seed: read_history(run.events) for seed, run in runs.items()}
    title = f"{name}, {len(runs)} training seeds"
    found = [
        _draw([series(h.steps, "loss") for h in histories.values()], f"Loss: {title}", "loss, mean since last log"),
        _draw(
            [series(h.validations, "action_error") for h in histories.values()],
            f"Held-out action error: {title}",
            "error of predict, standard deviations",
            _baselines(list(histories.values())),
        ),
        _draw([_success(h) for h in histories.values()], f"Success: {title}", "success, %"),
    ]
    files = ("overall_loss.png", "validation.png", "success.png")
    return [
        style.save(drawing, folder / file) for drawing, file in zip(found, files, strict=True) if drawing is not None
    ]


def _draw(curves: list[_Points], title: str, y: str, levels: Mapping[str, float] | None = None) -> Figure | None:
    curves = [(steps, values) for steps, values in curves if len(steps)]
    if not curves:
        return None
    drawing = style.figure()
    plot = style.axes(drawing, title, "optimiser steps", y)
    for number, (steps, values) in enumerate(curves):
        plot.plot(steps, values, color=style.BLUE, linewidth=0.8, alpha=0.35, label="one seed" if number == 0 else None)
    steps, table = at_shared_steps(curves)
    shown = [values for _, values in curves]
    if len(steps):
        mean = table.mean(axis=0)
        style.curve(plot, steps, mean, f"mean of {len(curves)}", style.BLUE)
        if len(curves) > 1:
            std = table.std(axis=0, ddof=1)
            plot.fill_between(
                steps, mean - std, mean + std, color=style.BLUE, alpha=0.15, linewidth=0, label="± standard deviation"
            )
    for (label, value), color in zip((levels or {}).items(), (style.ORANGE, style.GREEN), strict=False):
        style.level(plot, value, label, color)
        shown.append(np.array([value]))
    style.fit_scale(plot, shown)
    style.legend(plot)
    return drawing


def at_shared_steps(curves: list[_Points]) -> _Points:
    """(steps, (seeds, steps) values): of the steps that every curve has a finite value at."""
    finite = [{int(x): float(v) for x, v in zip(*curve, strict=True) if np.isfinite(v)} for curve in curves]
    shared = sorted(set.intersection(*(set(points) for points in finite)))
    return np.array(shared, dtype=np.float64), np.array([[points[x] for x in shared] for points in finite])


def _baselines(histories: list[History]) -> dict[str, float]:
    """What needs no training, where it is the same for every seed: all hold out the same episodes."""
    found = {}
    for key, label in (("hold", "hold the last action"), ("mean", "mean action")):
        values = {
            float(points[1][-1]) for h in histories if len((points := series(h.validations, f"baselines.{key}"))[1])
        }
        if len(values) == 1:
            found[label] = values.pop()
    return found


def _success(history: History) -> _Points:
    steps, rate = series(history.evaluations, "success_rate")
    return steps, 100 * rate
