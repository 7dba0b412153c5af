"""Picture of a comparison: each evaluation's success rate with its interval, and the differences with theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from understudy.core.files import folder_written_atomically

from . import style

_LONGEST_NAME = 34


def write_comparison(found: dict[str, Any], text: str, folder: Path) -> Path:
    """Leave comparison.json, comparison.txt and comparison.png in a new `folder`. Raises FileExistsError, DiskFull.

    found   the document of `understudy compare --json`
    text    what is printed for a person
    """
    with folder_written_atomically(folder) as temporary:
        (temporary / "comparison.json").write_text(json.dumps(found, indent=2) + "\n")
        (temporary / "comparison.txt").write_text(text + "\n")
        draw_comparison(found, temporary / "comparison.png")
    return folder


def draw_comparison(found: dict[str, Any], path: Path) -> Path:
    """Draw the document of a comparison. Raises DiskFull."""
    several = "comparisons" in found
    sides = found["evaluations"] if several else {letter: found[letter] for letter in ("a", "b")}
    pairs = found["comparisons"] if several else [{**found, "a": "a", "b": "b"}]
    drawing = style.figure(8.0, 1.9 + 0.42 * (len(sides) + len(pairs)))
    rates, differences = drawing.subplots(2, 1, height_ratios=[len(sides) + 0.6, len(pairs) + 0.6])
    _rates(rates, sides, found["confidence"])
    _differences(differences, pairs)
    return style.save(drawing, path)


def _rates(plot: Axes, sides: dict[str, Any], confidence: float) -> None:
    style.tidy(plot)
    for row, side in enumerate(sides.values()):
        if side["interval"]:
            plot.plot([100 * x for x in side["interval"]], [row, row], color=style.BLUE, linewidth=2.5)
        # of several training seeds each is shown; their spread is what matters
        for k, n in side["by_training_seed"] if len(side["by_training_seed"]) > 1 else ():
            plot.plot(100 * k / n, row, marker="|", markersize=11, color=style.GREY)
        plot.plot(100 * side["success_rate"], row, marker="o", color=style.BLUE)
    labels = [f"{letter}  {_short(side['policy'])}  {side['successes']}/{side['n']}" for letter, side in sides.items()]
    _finish(plot, labels, f"Success with {100 * confidence:g} % interval", "success, %")
    plot.set_xlim(-2, 102)


def _differences(plot: Axes, pairs: list[dict[str, Any]]) -> None:
    style.tidy(plot)
    plot.axvline(0, color=style.BLACK, linewidth=1)
    for row, pair in enumerate(pairs):
        color = style.GREY if pair["verdict"] == "undecided" else style.ORANGE
        plot.plot([100 * x for x in pair["interval"]], [row, row], color=color, linewidth=2.5)
        plot.plot(100 * pair["difference"], row, marker="o", color=color)
    labels = [f"{pair['a']} - {pair['b']}  {_told(pair['verdict'])}" for pair in pairs]
    _finish(plot, labels, "Difference with its interval", "points")


def _finish(plot: Axes, labels: list[str], title: str, x: str) -> None:
    plot.set_yticks(range(len(labels)), labels, fontsize=9)
    plot.set_ylim(len(labels) - 0.4, -0.6)
    plot.set_title(title, loc="left", fontsize=10)
    plot.set_xlabel(x, fontsize=9)


def _told(verdict: str) -> str:
    return verdict if verdict == "undecided" else f"{verdict} is better"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else "..." + name[3 - _LONGEST_NAME :]
