"""The pictures of the pendulum study, from its summary.json.

success.png convergence.png   each setting with the exact intervals, the models' own rates as points
differences.png               first family minus second, with both intervals
survival.png long.png         share of the episodes whose pole still stands, by step
training_FAMILY.png leak.png  losses while training, a line a model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from . import style
from .pendulum_tables import Summary, families_of, name_of

_COLOURS = {
    "tiny_pi0": style.BLUE,
    "tiny_pi0_fast": style.ORANGE,
    "pid": style.BLACK,
    "pid_ahead": style.GREY,
    "mlp_l1": style.GREEN,
    "mlp_squared": style.PURPLE,
}
_MARKS = {"tiny_pi0": "o", "tiny_pi0_fast": "s", "pid": "v", "pid_ahead": "_", "mlp_l1": "^", "mlp_squared": "D"}
_MEASURES = {"success": "A, success, %", "convergence": "B, convergence, %"}


def write_pendulum_plots(summary: Summary, folder: Path) -> list[Path]:
    """Draw everything there is data for; the files written. Raises DiskFull."""
    written = [_rates(summary, folder, measure) for measure in _MEASURES]
    written.append(_survival(summary["subjects"], summary, folder / "survival.png", "Poles that still stand"))
    if summary["differences"]:
        written.append(_differences(summary, folder))
    if "long" in summary:
        written.append(_survival(summary["long"], summary, folder / "long.png", "Poles that still stand, 1000 steps"))
    written += [_training(summary, family, folder) for family in families_of(summary)]
    if "leak" in summary:
        written.append(_leak(summary, folder))
    return written


def _drawn(summary: Summary) -> list[str]:
    """Doing nothing falls at once, and would only take the room."""
    return [subject for subject in summary["subjects"] if subject in _COLOURS]


def _rates(summary: Summary, folder: Path, measure: str) -> Path:
    """A group of points for each setting; intervals as bars, the rates of single models as small points."""
    drawing = style.figure(10.0, 4.8)
    plot = style.axes(
        drawing, f"{_MEASURES[measure]} in nine settings", "noise / replanning interval", "%", whole=False
    )
    subjects = _drawn(summary)
    width = 0.8 / len(subjects)
    lowest = 100.0
    for position, subject in enumerate(subjects):
        cells = [cell[measure] for cell in summary["subjects"][subject]["cells"]]
        x = np.arange(len(cells)) + (position - (len(subjects) - 1) / 2) * width
        rate = np.array([100 * cell["rate"] for cell in cells])
        bounds = 100 * np.array([cell["interval"] for cell in cells]).T
        for at, cell in zip(x, cells, strict=True):
            models = [100 * value for value in cell["models"]]
            if len(models) > 1:
                plot.plot([at] * len(models), models, ".", color=_COLOURS[subject], alpha=0.3, markersize=4)
                lowest = min(lowest, *models)
        plot.errorbar(
            x,
            rate,
            yerr=np.abs(bounds - rate),
            color=_COLOURS[subject],
            marker=_MARKS[subject],
            markersize=9 if _MARKS[subject] == "_" else 5,
            linestyle="none",
            capsize=2,
            elinewidth=1.1,
            label=name_of(summary, subject),
        )
        lowest = min(lowest, float(bounds.min()))
    plot.set_xticks(range(len(summary["subjects"][subjects[0]]["cells"])), _labels(summary))
    plot.set_ylim(max(-3.0, lowest - 3), 101.5)
    plot.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    return style.save(drawing, folder / f"{measure}.png")


def _labels(summary: Summary) -> list[str]:
    return [cell["label"] for cell in next(iter(summary["subjects"].values()))["cells"]]


def _differences(summary: Summary, folder: Path) -> Path:
    drawing = style.figure(10.0, 4.8)
    a, b = families_of(summary)
    panels: np.ndarray = drawing.subplots(1, 2, squeeze=False)
    rows = [*summary["differences"]["cells"], {"label": "all", **summary["differences"]["overall"]}]
    for plot, (measure, words) in zip(panels[0], _MEASURES.items(), strict=True):
        plot.set_title(f"{words.split(',')[0]}: {a} less {b}, points", loc="left", fontsize=11)
        style.tidy(plot)
        plot.axvline(0, color=style.BLACK, linewidth=1)
        for kind, shift, colour in (("welch", -0.13, style.GREY), ("paired", 0.13, style.BLUE)):
            _intervals(plot, [entry[measure] for entry in rows], kind, shift, colour)
        plot.set_yticks(range(len(rows)), [entry["label"] for entry in rows])
        plot.invert_yaxis()
    handles, labels = panels[0][0].get_legend_handles_labels()
    drawing.legend(handles, labels, frameon=False, ncols=2, loc="outside lower center")
    return style.save(drawing, folder / "differences.png")


def _intervals(plot: Axes, rows: Sequence[Mapping[str, Any]], kind: str, shift: float, colour: str) -> None:
    known = [(y, found["difference"], found[kind]) for y, found in enumerate(rows) if found[kind] is not None]
    if not known:
        return
    y, middle = np.array([k[0] for k in known]) + shift, 100 * np.array([k[1] for k in known])
    spread = np.abs(100 * np.array([k[2] for k in known]).T - middle)
    words = {"welch": "models as strangers (Welch)", "paired": "models paired by their episodes"}[kind]
    plot.errorbar(
        middle, y, xerr=spread, color=colour, marker="o", markersize=4, linestyle="none", capsize=2, label=words
    )


def _survival(subjects: Mapping[str, Any], summary: Summary, path: Path, title: str) -> Path:
    """A small plot for each setting."""
    shown = [subject for subject in subjects if subject in _COLOURS]
    cells = subjects[shown[0]]["cells"]
    columns = 3 if len(cells) == 9 else min(4, len(cells))
    rows = -(-len(cells) // columns)
    drawing = style.figure(10.0, 1.2 + 2.1 * rows)
    panels = drawing.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    lowest = min(100 * min(subjects[s]["survival"][i][-1] for s in shown) for i in range(len(cells)))
    for index, cell in enumerate(cells):
        plot = panels[index // columns][index % columns]
        style.tidy(plot)
        plot.set_title(cell["label"], loc="left", fontsize=10)
        for subject in shown:
            curve = 100 * np.array(subjects[subject]["survival"][index])
            label = name_of(summary, subject) if index == 0 else None
            dashes = "--" if subject == "pid_ahead" else "-"
            look = {"color": _COLOURS[subject], "linewidth": 1.5, "linestyle": dashes, "label": label}
            plot.step(range(len(curve)), curve, where="post", **look)
        plot.set_ylim(max(-3.0, lowest - 3), 101.5)
    drawing.suptitle(f"{title}, % of the episodes, by control step", x=0.01, ha="left", fontsize=11)
    drawing.legend(frameon=False, ncols=3, loc="outside lower center")
    return style.save(drawing, path)


def _training(summary: Summary, family: str, folder: Path) -> Path:
    found = summary["training"][family]
    drawing = style.figure(10.0, 4.0)
    panels: np.ndarray = drawing.subplots(1, 2, squeeze=False)
    losses = {"train": (found["train_curves"], style.GREY), "held-out": (found["curves"]["loss"], _COLOURS[family])}
    _lines(panels[0][0], losses, f"Loss: {family}")
    errors = {"held-out": (found["curves"]["action_error"], _COLOURS[family])}
    _lines(panels[0][1], errors, "Held-out action error, standard deviations")
    return style.save(drawing, folder / f"training_{family}.png")


def _leak(summary: Summary, folder: Path) -> Path:
    drawing = style.figure(10.0, 4.0)
    panels: np.ndarray = drawing.subplots(1, 2, squeeze=False, sharey=True)
    words = {"window": "A fifth of the windows held out", "episode": "A fifth of the episodes held out"}
    for plot, (split, title) in zip(panels[0], words.items(), strict=True):
        found = summary["leak"][split]
        curves = {"train": (found["train_curves"], style.GREY), "validation": (found["curves"], style.ORANGE)}
        _lines(plot, curves, title, found["new_loss"])
    return style.save(drawing, folder / "leak.png")


def _lines(
    plot: Axes, curves: Mapping[str, tuple[Sequence[Any], str]], title: str, on_new: Sequence[float] = ()
) -> None:
    """Thin lines, one a model, a colour for each kind; `on_new`: what the models' losses on new episodes came to."""
    style.tidy(plot)
    plot.set_title(title, loc="left", fontsize=11)
    plot.set_xlabel("optimiser steps")
    values = []
    for label, (models, colour) in curves.items():
        for number, (steps, y) in enumerate(models):
            plot.plot(steps, y, color=colour, linewidth=1.0, alpha=0.7, label=label if number == 0 else None)
            values.append(np.array(y, dtype=np.float64))
    for number, level in enumerate(on_new):
        words = "new episodes, at the end" if number == 0 else None
        plot.axhline(level, color=style.BLACK, linewidth=1.0, linestyle=":", label=words)
    style.fit_scale(plot, [*(value for value in values if len(value)), np.array(on_new)])
    if values:
        plot.legend(frameon=False)
