from __future__ import annotations

import numpy as np
import pytest

from understudy.report.style import axes, envelope, figure, fit_scale, running_median, smoothed


def test_the_running_median_follows_a_level_and_ignores_one_spike() -> None:
    y = np.ones(50)
    y[20] = 100.0
    assert running_median(y, 5).tolist() == [1.0] * 50


def test_the_running_median_bridges_values_that_are_not_finite() -> None:
    y = np.array([1.0, np.nan, 1.0, np.inf, 1.0])
    assert running_median(y, 3).tolist() == [1.0] * 5


def test_a_loss_that_falls_by_orders_of_magnitude_is_shown_logarithmically() -> None:
    plot = axes(figure(), "t", "x", "y")
    fit_scale(plot, [np.array([100.0, 0.5])])
    assert plot.get_yscale() == "log"


def test_values_of_one_magnitude_are_shown_from_zero() -> None:
    plot = axes(figure(), "t", "x", "y")
    fit_scale(plot, [np.array([2.0, 1.0]), np.array([1.5])])
    assert plot.get_yscale() == "linear"
    assert plot.get_ylim()[0] == 0


@pytest.mark.parametrize("every", [1, 7])
def test_the_running_median_is_the_median_of_what_is_around(every: int) -> None:
    y = np.random.default_rng(0).normal(size=500)
    y[[3, 4, 90]] = np.nan
    expected = [np.nanmedian(y[max(0, i - 5) : i + 6]) for i in range(0, 500, every)]
    assert running_median(y, 11, every) == pytest.approx(expected)


def test_where_nothing_is_finite_there_is_no_median() -> None:
    assert np.isnan(running_median(np.full(20, np.nan), 5)).all()


def test_a_curve_of_many_points_keeps_its_extremes_in_few() -> None:
    x, y = np.arange(100_001.0), np.zeros(100_001)
    y[[77_777, 100_000]], y[5] = (9.0, 8.0), np.nan
    shown = envelope(x, y)
    assert len(shown[0]) == len(shown[1]) <= 2000
    assert shown[1].max() == 9.0 and shown[1][-1] == 8.0
    assert len(smoothed(x, y)[0]) <= 1000


def test_a_curve_of_few_points_is_left_as_it_is() -> None:
    x = np.arange(80.0)
    assert envelope(x, x)[1] is x
