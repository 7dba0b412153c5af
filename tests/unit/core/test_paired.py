"""Two policies on equal seeds: coverage and error rates by enumerating every outcome, symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interval_coverage import mcnemar_error, tango_coverage
from understudy.core.errors import ConfigError
from understudy.core.paired import mcnemar, mcnemar_mid_p, tango

# only_a, only_b, and how many episodes both did alike
outcomes = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200)).filter(lambda t: sum(t) > 0)


@pytest.mark.parametrize(("n", "lowest", "mean"), [(10, 0.91, 0.95), (20, 0.92, 0.95)])
def test_tangos_interval_holds_the_truth_about_as_often_as_it_says(n: int, lowest: float, mean: float) -> None:
    coverage = tango_coverage(n, step=0.1)
    assert coverage.min() >= lowest
    assert mean <= coverage.mean() <= 1


@pytest.mark.slow
def test_with_more_episodes_it_comes_closer() -> None:
    coverage = tango_coverage(50)
    assert coverage.min() >= 0.93
    assert 0.95 <= coverage.mean() <= 0.96


@pytest.mark.parametrize("n", [5, 10, 25])
def test_mcnemar_keeps_its_error_rate_whatever_policies_have_in_common(n: int) -> None:
    assert mcnemar_error(n) <= 0.05


@given(outcomes, st.sampled_from([0.8, 0.95, 0.99]))
def test_swapping_the_policies_turns_the_sign_to_the_last_digit(
    outcome: tuple[int, int, int], confidence: float
) -> None:
    a, b, n = outcome[0], outcome[1], sum(outcome)
    assert tango(a, b, n, confidence) == -tango(b, a, n, confidence)
    assert mcnemar(a, b) == mcnemar(b, a)
    assert mcnemar_mid_p(a, b) == pytest.approx(mcnemar_mid_p(b, a), abs=1e-14)


@given(outcomes)
def test_more_confidence_is_a_wider_interval_around_the_difference(outcome: tuple[int, int, int]) -> None:
    a, b, n = outcome[0], outcome[1], sum(outcome)
    narrow, wide = tango(a, b, n, 0.9), tango(a, b, n, 0.99)
    assert -1 <= wide.low <= narrow.low <= (a - b) / n + 1e-12
    assert (a - b) / n - 1e-12 <= narrow.high <= wide.high <= 1


@given(outcomes, st.sampled_from([0.9, 0.95, 0.99]))
def test_what_mcnemar_rejects_the_interval_leaves_out(outcome: tuple[int, int, int], confidence: float) -> None:
    a, b, n = outcome[0], outcome[1], sum(outcome)
    if mcnemar(a, b) < 1 - confidence:
        assert 0.0 not in tango(a, b, n, confidence)


@given(outcomes)
def test_the_mid_p_value_is_the_smaller_one(outcome: tuple[int, int, int]) -> None:
    a, b, _ = outcome
    assert 0 <= mcnemar_mid_p(a, b) <= mcnemar(a, b) <= 1


def test_with_nothing_to_tell_them_apart_the_interval_is_that_of_the_closed_form() -> None:
    z2 = 1.959963984540054**2
    assert tango(0, 0, 50).high == pytest.approx(z2 / (50 + z2), abs=1e-12)
    assert mcnemar(0, 0) == mcnemar_mid_p(0, 0) == 1.0


def test_a_policy_that_wins_everywhere_reaches_the_end_exactly() -> None:
    assert tango(8, 0, 8).high == 1.0
    assert tango(0, 8, 8).low == -1.0


def test_thousands_of_differing_episodes_are_no_trouble() -> None:
    assert 0 < mcnemar_mid_p(5_300, 4_700) < mcnemar(5_300, 4_700) < 1e-8
    assert np.isfinite(tango(53_000, 47_000, 200_000).to_json()).all()


@pytest.mark.parametrize(("a", "b", "n"), [(3, 3, 5), (-1, 0, 5), (0, 0, 0)])
def test_counts_that_cannot_be_are_refused(a: int, b: int, n: int) -> None:
    with pytest.raises(ConfigError):
        tango(a, b, n)
