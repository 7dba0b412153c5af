"""success.png: how many of the same episodes succeed after how many updates, with the exact interval of each rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import style
from .events import History, series


def write_success(history: History, folder: Path, subject: str) -> Path | None:
    """Draw the success measured while training; None when nothing was measured. Raises DiskFull."""
    steps, rate = series(history.evaluations, "success_rate")
    if not len(steps):
        return None
    last = history.evaluations[-1]
    drawing = style.figure()
    title = f"Success in {last.get('env', 'simulation')}: {subject}"
    plot = style.axes(drawing, title, "optimiser steps", f"succeeded, % of {_episodes(history)} episodes")
    bounds = np.array([_interval(event) for event in history.evaluations if "success_rate" in event]).T
    spread = 100 * np.abs(bounds - rate)
    plot.errorbar(
        steps,
        100 * rate,
        yerr=spread,
        color=style.BLUE,
        marker="o",
        linewidth=1.6,
        capsize=4,
        elinewidth=1.2,
        label=f"success, with its {last.get('confidence', 0.95):.0%} interval",
    )
    progress = series(history.evaluations, "progress_mean")
    if len(progress[0]):
        plot.plot(progress[0], 100 * progress[1], color=style.ORANGE, linestyle=":", label="mean progress")
    best = int(np.argmax(rate))
    at_best = history.evaluations[best]
    # another program's log gives the rate alone
    label = f"best: {at_best['successes']} of {at_best['n']}" if "n" in at_best else f"best: {rate[best]:.0%}"
    plot.plot(
        steps[best], 100 * rate[best], marker="*", markersize=13, color=style.BLACK, linestyle="none", label=label
    )
    plot.set_ylim(-3, 103)
    style.legend(plot)
    return style.save(drawing, folder / "success.png")


def _interval(event: dict[str, object]) -> list[float]:
    """[low, high]; the rate itself twice where an event has no interval."""
    interval = event.get("interval")
    if isinstance(interval, list) and len(interval) == 2:
        return [float(bound) for bound in interval]
    rate = event["success_rate"]
    assert isinstance(rate, int | float)
    return [float(rate)] * 2


def _episodes(history: History) -> str:
    counts = sorted({int(event["n"]) for event in history.evaluations if "n" in event})
    return " or ".join(map(str, counts)) or "?"
