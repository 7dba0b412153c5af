from __future__ import annotations

import numpy as np

from understudy.report.style import axes, figure, fit_scale, running_median


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
