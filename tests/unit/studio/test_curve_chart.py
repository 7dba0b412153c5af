"""Options of the charts."""

from __future__ import annotations

import json

import numpy as np

from understudy.studio.curve_chart import COLORS, Curve, chart_options, points, smoothed

X = np.arange(5, dtype=float)


def test_what_is_not_finite_is_a_gap() -> None:
    y = np.array([1.0, np.nan, np.inf, -2.0, 0.0])
    assert points(X, y) == [[0, 1.0], [1, None], [2, None], [3, -2.0], [4, 0.0]]
    assert points(X, y, logarithmic=True) == [[0, 1.0], [1, None], [2, None], [3, None], [4, None]]


def test_options_are_plain_json_whatever_the_curves_hold() -> None:
    options = chart_options("Loss", [Curve("a", X, np.full(5, np.nan))], smoothing=0.5, logarithmic=True)
    assert json.loads(json.dumps(options, allow_nan=False)) == options


def test_smoothing_keeps_a_constant_and_the_gaps() -> None:
    assert np.allclose(smoothed(np.full(50, 3.0), 0.9), 3.0)
    assert np.isnan(smoothed(np.array([1.0, np.nan, 1.0]), 0.9)).tolist() == [False, True, False]


def test_smoothing_is_the_exponential_mean_written_out() -> None:
    y = np.array([1.0, 2.0, 4.0])
    expected = [1.0, (0.5 * 1 + 2) / 1.5, (0.25 * 1 + 0.5 * 2 + 4) / 1.75]
    assert np.allclose(smoothed(y, 0.5), expected)
    assert smoothed(y, 0) is y


def test_the_raw_line_stays_behind_a_smoothed_one() -> None:
    plain = chart_options("Loss", [Curve("a", X, X)])["series"]
    both = chart_options("Loss", [Curve("a", X, X)], smoothing=0.9)["series"]
    assert [s["data"] for s in both[:1]] == [s["data"] for s in plain]
    assert both[0]["lineStyle"]["opacity"] < both[1]["lineStyle"]["opacity"]


def test_no_two_of_eighteen_curves_look_alike() -> None:
    series = chart_options("x", [Curve(str(i), X, X) for i in range(18)])["series"]
    assert len({(s["color"], s["lineStyle"]["type"]) for s in series}) == 18


def test_a_curve_that_has_a_look_keeps_it() -> None:
    (series,) = chart_options("x", [Curve("a", X, X, look=(2, 1))])["series"]
    assert (series["color"], series["lineStyle"]["type"]) == (COLORS[2], "dashed")
