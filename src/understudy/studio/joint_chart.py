"""The chart under the player: state and action of the chosen joints, a line for now, and what a policy predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from understudy.report.palette import GREY

from .curve_chart import COLORS, Curve, chart_options, points

NOW = "now"
_DASHES = {"action": "solid", "state": "dotted"}


def joint_options(
    names: Sequence[str], columns: Sequence[int], recorded: Mapping[str, Mapping[int, tuple[str, np.ndarray]]]
) -> dict[str, Any]:
    """Options of the chart.

    names      of the chosen joints, as predictions are called
    columns    their numbers, in the order in which colours are given
    recorded   "action", "state" -> number of a joint -> its name there and its (frames,) values

    The last series are empty: one for each joint's prediction, and one for the line that says where the player is.
    """
    color = {column: COLORS[place % len(COLORS)] for place, column in enumerate(columns)}
    curves, looks = [], []
    for words, joints in recorded.items():
        for column, (name, values) in joints.items():
            curves.append(Curve(f"{name}: {words}", np.arange(len(values), dtype=np.float64), values))
            looks.append((color[column], _DASHES[words]))
    options = chart_options("Joints", curves, x_name="frame")
    for series, (hue, dash) in zip(options["series"], looks, strict=True):
        series["color"] = hue
        series["lineStyle"]["type"] = dash
        series["showSymbol"] = False
    pairs = zip(names, columns, strict=True)
    options["series"] += [_empty(f"{name}: predicted", color[column]) for name, column in pairs]
    options["series"].append(
        _empty(NOW, GREY) | {"lineStyle": {"width": 1.5}, "silent": True, "tooltip": {"show": False}}
    )
    options["legend"]["data"] = [series["name"] for series in options["series"][:-1]]
    return options


def _empty(name: str, color: str) -> dict[str, Any]:
    look = {"width": 3, "type": "dashed", "opacity": 0.9}
    return {
        "type": "line",
        "name": name,
        "id": name,
        "data": [],
        "color": color,
        "showSymbol": False,
        "lineStyle": look,
    }


def at_frame(frame: int, low: float, high: float) -> dict[str, Any]:
    """The change that moves the line to `frame`; it reaches from `low` to `high`."""
    return {"series": [{"id": NOW, "data": [[frame, low], [frame, high]]}]}


def with_prediction(names: Sequence[str], first: int, chunk: np.ndarray | None) -> dict[str, Any]:
    """The change that shows a chunk (chunk, joints) of the named joints from frame `first` on; None takes it away."""
    data: list[Any] = [[] for _ in names]
    if chunk is not None:
        frames = np.arange(first, first + len(chunk), dtype=np.float64)
        data = [points(frames, chunk[:, column]) for column in range(len(names))]
    return {"series": [{"id": f"{n}: predicted", "data": d} for n, d in zip(names, data, strict=True)]}
