from __future__ import annotations

import numpy as np
import pytest

from understudy.core.stats import clopper_pearson, mean_interval
from understudy.studies.pendulum_numbers import (
    against_ceiling,
    difference,
    differences,
    rate,
    summary_of,
    survival,
    velocity_spread,
    within_stock_limits,
)
from understudy.studies.pendulum_trials import Trials


def made(success: list[list[int]], converged_at: list[list[int]] | None = None, first: int = 0) -> Trials:
    """Trials of two cells; an episode that fell did so at step 40."""
    ok = np.array(success, dtype=bool)
    n = ok.shape[1]
    steps = np.where(ok, 100, 40)
    return Trials(
        noise=np.array([0.01, 0.05]),
        replan=np.array([10, 15]),
        seeds=np.arange(first, first + n),
        success=ok,
        steps=steps,
        converged_at=np.array(converged_at if converged_at is not None else np.where(ok, 30, -1)),
        velocity_sum=steps * 2.0,
        velocity_squares=steps * 5.0,
        widest_angle=np.where(ok, 0.15, 0.9),
        widest_cart=np.full(ok.shape, 0.5),
        identity="",
    )


A = [made([[1, 1, 1, 0], [1, 0, 0, 0]]), made([[1, 1, 1, 1], [1, 1, 0, 0]], first=4)]
B = [made([[1, 1, 0, 0], [0, 0, 0, 0]]), made([[1, 1, 1, 0], [1, 1, 0, 0]], first=4)]


def test_a_rate_counts_all_episodes_and_its_half_width_the_models() -> None:
    found = rate([trials.success[0] for trials in A])
    assert (found["k"], found["n"], found["models"]) == (7, 8, [0.75, 1.0])
    assert found["interval"] == clopper_pearson(7, 8).to_json()
    expected = mean_interval([0.75, 1.0])
    assert found["half_width"] == pytest.approx((expected.high - expected.low) / 2)


def test_one_model_alone_has_no_half_width() -> None:
    assert rate([A[0].success[0]])["half_width"] is None


def test_the_step_of_convergence_is_over_those_that_succeed_and_converge() -> None:
    trials = made([[1, 1, 0, 1], [0, 0, 0, 0]], [[20, 40, 5, -1], [3, 3, 3, 3]])
    cells = summary_of([trials])["cells"]
    assert cells[0]["steps_to_convergence"] == 30
    assert cells[0]["convergence"]["k"] == 3
    assert cells[1]["steps_to_convergence"] is None


def test_the_spread_of_velocities_is_pooled() -> None:
    # mean 2, mean square 5
    assert velocity_spread(A[0], 0) == pytest.approx(1.0)


def test_survival_falls_where_poles_fall() -> None:
    curve = survival([made([[1, 1, 1, 0], [1, 0, 0, 0]])])[1]
    assert (len(curve), curve[0], curve[39], curve[40], curve[100]) == (101, 1.0, 1.0, 0.25, 0.25)


def test_differences_are_paired_by_model_where_the_episodes_are_the_same() -> None:
    found = differences(A, B)
    first = found["cells"][0]["success"]
    assert first["difference"] == pytest.approx(0.25)
    # both models differ by a quarter: paired, nothing varies
    assert first["paired"] == pytest.approx([0.25, 0.25])
    assert first["welch"][0] < 0 < first["welch"][1]
    assert found["overall"]["success"]["difference"] == pytest.approx((0.25 + 0.125) / 2)
    swapped = differences(B, A)
    assert swapped["cells"][0]["success"]["welch"] == pytest.approx([-first["welch"][1], -first["welch"][0]])


def test_strangers_are_not_paired_and_single_models_are_not_compared() -> None:
    others = [made([[1, 1, 0, 0], [0, 0, 0, 0]], first=50), B[1]]
    assert differences(A, others)["cells"][0]["success"]["paired"] is None
    assert differences(A[:1], B[:1]) == {}
    assert difference([1.0, 0.0], [0.0, 0.0, 0.5], paired=False, rates=True)["paired"] is None


def test_the_interval_of_two_rates_ends_where_rates_can() -> None:
    found = difference([1.0, 0.0], [0.5, 0.0], paired=True, rates=True)
    assert (found["welch"], found["paired"]) == ([-1.0, 1.0], [-1.0, 1.0])
    assert difference([1.0, 0.0], [0.5, 0.0], paired=True, rates=False)["welch"][0] < -1


def test_the_ceiling_is_reached_from_two_points_below_it_on() -> None:
    def of_1000(succeeded: int, calm: int) -> Trials:
        success = [[1] * succeeded + [0] * (1000 - succeeded)] * 2
        return made(success, [[30] * calm + [-1] * (1000 - calm)] * 2)

    best = of_1000(1000, 900)
    for succeeded, calm, expected in ((995, 880, (True, True)), (994, 950, (False, True)), (1000, 879, (True, False))):
        found = against_ceiling([of_1000(succeeded, calm)], best)[0]
        assert (found["success_reached"], found["convergence_reached"]) == expected
        assert found["difference"] == pytest.approx((calm - 900) / 1000)
        assert found["interval"] is None


def test_each_model_is_held_against_the_ceiling_on_its_own_episodes() -> None:
    ceiling = made([[1] * 8, [1] * 8], [[30, 30, 30, -1, 30, -1, -1, -1], [30] * 8])
    found = against_ceiling(A, ceiling)[0]
    # 3 of 4 against 3 of 4, and 4 of 4 against 1 of 4
    assert found["difference"] == pytest.approx(0.375)
    assert found["interval"] == pytest.approx(mean_interval([0.0, 0.75]).to_json())


def test_who_left_the_stock_limits_is_not_counted() -> None:
    trials = made([[1, 1, 1, 0], [1, 0, 0, 0]])
    trials.widest_cart[0, 0] = 1.2
    trials.widest_angle[0, 1] = 0.25
    assert [cell["k"] for cell in within_stock_limits([trials], 0.2, 1.0)] == [1, 1]
