"""Options of the curves that the pages draw with ECharts: one look, told apart without colour, right in light and dark.

Drawn as SVG, so that words and grid take the page's own colour. Colours and dashes are those of the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from understudy.report.palette import BLUE, GREEN, GREY, OLIVE, ORANGE, PURPLE

# those that can be seen on white and on black
COLORS = (BLUE, ORANGE, GREEN, PURPLE, GREY, OLIVE)
DASHES = ("solid", "dashed", "dotted")
_INK, _FAINT = "currentColor", "rgba(128,128,128,0.25)"


@dataclass(frozen=True)
class Curve:
    """One line: `x` and `y` float64 of equal length, in order; what is not finite is a gap.

    look        (number of its colour, number of its dashes); None: as its place among the curves has it
    reference   whether it is there to be compared with, such as a policy that needs no training
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    look: tuple[int, int] | None = None
    reference: bool = False


def chart_options(
    title: str, curves: Sequence[Curve], *, smoothing: float = 0.0, logarithmic: bool = False, x_name: str = "step"
) -> dict[str, Any]:
    """Options of a chart of these curves.

    smoothing     0: as they are; towards 1: exponential mean of ever more neighbours, the raw line faint behind it
    logarithmic   values that are not above zero are left out
    """
    series = []
    for number, curve in enumerate(curves):
        hue, broken = curve.look or (number, number // len(COLORS))
        color, dash = COLORS[hue % len(COLORS)], DASHES[broken % len(DASHES)]
        if smoothing:
            series.append(_line(curve, curve.y, color, dash, logarithmic, faint=True))
        series.append(_line(curve, smoothed(curve.y, smoothing), color, dash, logarithmic, faint=False))
    return {
        "title": {"text": title, "textStyle": {"color": _INK, "fontSize": 14, "fontWeight": 500}, "left": 8, "top": 4},
        "grid": {"left": 64, "right": 20, "top": 62 if len(curves) > 1 else 40, "bottom": 58},
        "legend": {"show": len(curves) > 1, "top": 28, "left": 8, "type": "scroll", "textStyle": {"color": _INK}},
        "tooltip": {"trigger": "axis", "confine": True, "axisPointer": {"type": "line"}},
        "xAxis": _axis("value", name=x_name, nameLocation="end", nameGap=0, min=0, max="dataMax")
        | {"nameTextStyle": {"color": _INK, "align": "right", "verticalAlign": "top", "padding": [18, 0, 0, 0]}},
        "yAxis": _axis("log" if logarithmic else "value", scale=True),
        "dataZoom": [
            {"type": "inside", "zoomOnMouseWheel": "ctrl", "moveOnMouseMove": True, "throttle": 100},
            {"type": "slider", "height": 18, "bottom": 8, "textStyle": {"color": _INK}, "brushSelect": False},
        ],
        "animation": False,
        "series": series,
    }


def _axis(kind: str, **options: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "axisLabel": {"color": _INK, "hideOverlap": True, "showMaxLabel": kind != "value" or None},
        "axisLine": {"onZero": False, "lineStyle": {"color": _FAINT}},
        "splitLine": {"lineStyle": {"color": _FAINT}},
        **options,
    }


def _line(curve: Curve, y: np.ndarray, color: str, dash: str, logarithmic: bool, *, faint: bool) -> dict[str, Any]:
    return {
        "type": "line",
        "name": curve.name,
        "data": points(curve.x, y, logarithmic=logarithmic),
        "color": color,
        "lineStyle": {"width": 1 if faint else 2, "opacity": 0.3 if faint else 1, "type": dash},
        "showSymbol": len(curve.x) < 30 and not faint,
        "symbolSize": 5,
        "silent": faint,
        "tooltip": {"show": not faint},
        "emphasis": {"disabled": True},
    }


def points(x: np.ndarray, y: np.ndarray, *, logarithmic: bool = False) -> list[list[float | None]]:
    """[x, y] pairs as JSON holds them: what is not finite, or not above zero where it has to be, is None."""
    shown = np.isfinite(y) & ((y > 0) | (not logarithmic))
    return [[a, b if ok else None] for a, b, ok in zip(x.tolist(), y.tolist(), shown.tolist(), strict=True)]


def smoothed(y: np.ndarray, amount: float) -> np.ndarray:
    """Exponential moving mean, `amount` the weight of what was before; corrected for its begin, gaps left out.

    0 gives `y` itself. (The correction is Adam's: https://arxiv.org/abs/1412.6980, section 3.)
    """
    if amount <= 0:
        return y
    finite = np.isfinite(y)
    mean, weight = (
        np.fromiter(accumulate(((1 - amount) * values).tolist(), lambda before, new: amount * before + new), np.float64)
        for values in (np.where(finite, y, 0.0), finite.astype(np.float64))
    )
    result: np.ndarray = np.where(finite, mean / np.maximum(weight, 1e-12), np.nan)
    return result
