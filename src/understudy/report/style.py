"""How every plot looks: one size, one legend style, colours that colour-blind readers can tell apart.

Drawing goes through Figure objects alone, never through pyplot: no window is opened and no state is shared.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from understudy.core.files import write_atomically

from .palette import BLACK as BLACK
from .palette import BLUE as BLUE
from .palette import GREEN as GREEN
from .palette import GREY as GREY
from .palette import ORANGE as ORANGE
from .palette import PURPLE as PURPLE

# from this many points on, a line is drawn thin with its running median over it
_SMOOTH_FROM = 60
_DPI = 120


def figure(width: float = 8.0, height: float = 4.5) -> Figure:
    """An empty figure, in inches."""
    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained")


def axes(drawing: Figure, title: str, x: str, y: str, *, whole: bool = True) -> Axes:
    """The one plot of a figure, named on both axes; `whole`: x counts things."""
    plot: Axes = drawing.add_subplot()
    plot.set_title(title, loc="left", fontsize=11)
    plot.set_xlabel(x)
    plot.set_ylabel(y)
    tidy(plot)
    if whole:
        plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    return plot


def tidy(plot: Axes) -> None:
    """A light grid, and no frame where there is no axis."""
    plot.grid(True, color="#E4E4E4", linewidth=0.8)
    plot.set_axisbelow(True)
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)


def curve(plot: Axes, x: np.ndarray, y: np.ndarray, label: str, color: str) -> None:
    """A line; points are marked while they are few, and smoothed over when they are many and noisy."""
    if len(x) < _SMOOTH_FROM:
        plot.plot(x, y, color=color, linewidth=1.6, marker="o", markersize=3.5 if len(x) > 12 else 5, label=label)
        return
    plot.plot(x, y, color=color, linewidth=0.7, alpha=0.35)
    plot.plot(x, running_median(y, max(5, len(y) // 40)), color=color, linewidth=1.8, label=label)


def running_median(y: np.ndarray, width: int) -> np.ndarray:
    """Median of the `width` values around each one; at the ends of those that are there."""
    half = width // 2
    finite = np.where(np.isfinite(y), y, np.nan)
    padded = np.concatenate([np.full(half, np.nan), finite, np.full(half, np.nan)])
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    empty = np.isnan(around).all(axis=1)
    median = np.full(len(y), np.nan)
    median[~empty] = np.nanmedian(around[~empty], axis=1)
    return median


def level(plot: Axes, y: float, label: str, color: str) -> None:
    """A horizontal line to compare with, told apart from curves by its dashes."""
    plot.axhline(y, color=color, linewidth=1.5, linestyle=(0, (5, 3)), label=label)


def fit_scale(plot: Axes, values: list[np.ndarray]) -> None:
    """Logarithmic where all values are positive and span more than a factor of 20, else from zero if none is below."""
    joined = np.concatenate([v[np.isfinite(v)] for v in values] or [np.empty(0)])
    if not len(joined):
        return
    if joined.min() > 0 and joined.max() / joined.min() > 20:
        plot.set_yscale("log")
    elif joined.min() >= 0 and joined.max() > 0:
        plot.set_ylim(0, joined.max() * 1.08)


def save(drawing: Figure, path: Path) -> Path:
    """Write the figure as PNG, whole or not at all. Raises DiskFull."""
    picture = BytesIO()
    drawing.savefig(picture, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, picture.getvalue())
    return path
