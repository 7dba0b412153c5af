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

COLORS = (BLUE, ORANGE, GREEN, PURPLE, GREY, BLACK)

# from this many points on, a line is drawn thin with its running median over it
_SMOOTH_FROM = 60
# a picture is not wider than so many of its dots
_MOST_POINTS = 1000
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
        plot.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        plot.xaxis.set_major_formatter("{x:,.0f}")
    return plot


def tidy(plot: Axes) -> None:
    """A light grid, and no frame where there is no axis."""
    plot.grid(True, color="#E4E4E4", linewidth=0.8)
    plot.set_axisbelow(True)
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)


def curve(plot: Axes, x: np.ndarray, y: np.ndarray, label: str, color: str) -> None:
    """A line; points are marked while they are few, and smoothed over when they are many and noisy."""
    if not is_noisy(x):
        plot.plot(x, y, color=color, linewidth=1.6, marker="o", markersize=3.5 if len(x) > 12 else 5, label=label)
        return
    plot.plot(*envelope(x, y), color=color, linewidth=0.7, alpha=0.35)
    plot.plot(*smoothed(x, y), color=color, linewidth=1.8, label=label)


def is_noisy(x: np.ndarray) -> bool:
    """Whether a curve has so many points that its middle says more than they do."""
    return len(x) >= _SMOOTH_FROM


def smoothed(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line of not more than _MOST_POINTS that goes through the middle of a noisy curve."""
    every = -(-len(x) // _MOST_POINTS)
    return x[::every], running_median(y, max(5, len(y) // 40), every)


def envelope(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve, or the lowest and the highest value of each stretch where it has more points than a picture shows."""
    stretch = -(-len(x) // _MOST_POINTS)
    if stretch == 1:
        return x, y
    missing = np.full(-len(x) % stretch, np.nan)
    table = np.concatenate([np.where(np.isfinite(y), y, np.nan), missing]).reshape(-1, stretch)
    bounds = np.stack([np.fmin.reduce(table, axis=1), np.fmax.reduce(table, axis=1)], axis=1)
    return np.repeat(x[::stretch], 2), bounds.ravel()


def running_median(y: np.ndarray, width: int, every: int = 1) -> np.ndarray:
    """Median of the `width` values around every so many-th one; at the ends of those that are there."""
    half = width // 2
    edge = np.full(half, np.nan)
    padded = np.concatenate([edge, np.where(np.isfinite(y), y, np.nan), edge])
    # what is not a number is sorted to the end
    around = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)[::every], axis=1)
    counts = np.isfinite(around).sum(axis=1)
    row = np.arange(len(around))
    middle: np.ndarray = (around[row, np.maximum(counts - 1, 0) // 2] + around[row, counts // 2]) / 2
    return middle


def legend(plot: Axes) -> None:
    """The names of the curves below the plot, where they cover none of them."""
    handles, labels = plot.get_legend_handles_labels()
    drawing = plot.get_figure(root=True)
    assert drawing is not None
    longest = max(map(len, labels), default=0)
    columns = max(1, min(len(labels), 4, 110 // (longest + 6)))
    drawing.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


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
