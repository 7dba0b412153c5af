"""The exact interval of a success rate: its coverage by enumeration, its symmetry, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import bdtr
from scipy.stats import ttest_ind

from understudy.core.errors import ConfigError
from understudy.core.stats import Interval, clopper_pearson, holm, mean_interval, normal_quantile, welch_interval

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("n", [1, 2, 5, 10, 50])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_at_least_the_stated_share_of_intervals_contains_the_true_rate(n: int, confidence: float) -> None:
    intervals = [clopper_pearson(k, n, confidence) for k in range(n + 1)]
    for rate in np.linspace(0.001, 0.999, 401):
        below = bdtr(np.arange(-1, n + 1), n, rate)
        probability = np.diff(np.where(np.isnan(below), 0, below))
        covered = sum(p for p, interval in zip(probability, intervals, strict=True) if rate in interval)
        assert covered >= confidence - 1e-12


@given(counts, st.floats(0.5, 0.999))
def test_counting_failures_instead_mirrors_the_interval(count: tuple[int, int], confidence: float) -> None:
    k, n = count
    successes, failures = clopper_pearson(k, n, confidence), clopper_pearson(n - k, n, confidence)
    assert successes.low == pytest.approx(1 - failures.high, abs=1e-12)
    assert successes.high == pytest.approx(1 - failures.low, abs=1e-12)


@given(counts, st.floats(0.5, 0.98))
def test_more_confidence_is_a_wider_interval_around_the_rate(count: tuple[int, int], confidence: float) -> None:
    k, n = count
    narrow, wide = clopper_pearson(k, n, confidence), clopper_pearson(k, n, confidence + 0.01)
    assert wide.low <= narrow.low <= k / n <= narrow.high <= wide.high


def test_none_and_all_reach_the_end_exactly() -> None:
    assert clopper_pearson(0, 7).low == 0.0
    assert clopper_pearson(7, 7).high == 1.0


def test_five_of_five_is_still_compatible_with_48_percent() -> None:
    assert clopper_pearson(5, 5).low == pytest.approx(0.025 ** (1 / 5), abs=1e-12)
    assert round(clopper_pearson(5, 5).low, 2) == 0.48


@pytest.mark.parametrize(("k", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_counts_that_cannot_be_are_refused(k: int, n: int) -> None:
    with pytest.raises(ConfigError):
        clopper_pearson(k, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, -0.1, float("nan")])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ConfigError, match="not between 0 and 1"):
        clopper_pearson(1, 2, confidence)


def test_an_interval_knows_its_mirror_and_what_it_holds() -> None:
    interval = Interval(-0.1, 0.3)
    assert -interval == Interval(-0.3, 0.1)
    assert interval.to_json() == [-0.1, 0.3]
    assert 0.3 in interval and 0.31 not in interval


def test_the_normal_distribution_is_that_of_the_tables() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054, abs=1e-12)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holms_correction_keeps_the_order_and_lies_between_none_and_bonferronis(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for p_value, larger in zip(p_values, corrected, strict=True):
        assert p_value <= larger <= min(1.0, len(p_values) * p_value)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [corrected[i] for i in order] == sorted(corrected)


def test_the_interval_of_a_mean_is_students() -> None:
    # t(0.975, 4) is 2.7764451; the standard deviation of 1..5 is sqrt(2.5)
    interval = mean_interval([1, 2, 3, 4, 5])
    assert interval.low == pytest.approx(3 - 2.7764451051978 * math.sqrt(2.5 / 5), abs=1e-9)
    assert interval.high == pytest.approx(3 + 2.7764451051978 * math.sqrt(2.5 / 5), abs=1e-9)
    with pytest.raises(ConfigError, match="fewer than two"):
        mean_interval([1.0])


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_welchs_interval_is_scipys(confidence: float) -> None:
    a, b = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4]
    theirs = ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
    ours = welch_interval(a, b, confidence)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_welch_without_spread_has_no_width_and_needs_two_values() -> None:
    assert welch_interval([1.0, 1.0], [0.5, 0.5]).to_json() == [0.5, 0.5]
    with pytest.raises(ConfigError, match="fewer than two"):
        welch_interval([1.0], [0.5, 0.5])
