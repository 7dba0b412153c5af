"""Two policies on different seeds: error rate and coverage by enumeration, symmetry, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interval_coverage import boschloo_error, miettinen_nurminen_coverage
from understudy.core.errors import ConfigError
from understudy.core.unpaired import boschloo, miettinen_nurminen

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("n_a", "n_b"), [(8, 8), (5, 14)])
def test_boschloo_keeps_its_error_rate_at_every_common_rate(n_a: int, n_b: int) -> None:
    assert 0.02 <= boschloo_error(n_a, n_b) <= 0.05


@pytest.mark.slow
def test_boschloo_keeps_its_error_rate_with_more_episodes() -> None:
    assert 0.03 <= boschloo_error(40, 40) <= 0.05


@pytest.mark.parametrize(("n_a", "n_b"), [(10, 10), (8, 16)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(n_a: int, n_b: int) -> None:
    coverage = miettinen_nurminen_coverage(n_a, n_b, step=0.1)
    assert coverage.min() >= 0.90
    assert 0.95 <= coverage.mean() <= 1


@pytest.mark.slow
def test_with_more_episodes_it_comes_closer() -> None:
    coverage = miettinen_nurminen_coverage(50, 50)
    assert coverage.min() >= 0.93
    assert 0.95 <= coverage.mean() <= 0.96


@settings(max_examples=40)
@given(counts, counts)
def test_swapping_the_policies_turns_the_sign_to_the_last_digit(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert miettinen_nurminen(*a, *b) == -miettinen_nurminen(*b, *a)
    assert boschloo(*a, *b) == pytest.approx(boschloo(*b, *a), rel=1e-12)


@given(counts, counts)
def test_more_confidence_is_a_wider_interval_around_the_difference(a: tuple[int, int], b: tuple[int, int]) -> None:
    narrow, wide = miettinen_nurminen(*a, *b, 0.9), miettinen_nurminen(*a, *b, 0.99)
    difference = a[0] / a[1] - b[0] / b[1]
    assert -1 <= wide.low <= narrow.low <= difference + 1e-12
    assert difference - 1e-12 <= narrow.high <= wide.high <= 1


@settings(max_examples=40)
@given(counts, counts)
def test_failures_counted_instead_of_successes_say_the_same(a: tuple[int, int], b: tuple[int, int]) -> None:
    mirrored = boschloo(a[1] - a[0], a[1], b[1] - b[0], b[1])
    assert boschloo(*a, *b) == pytest.approx(mirrored, rel=1e-9)


def test_equal_counts_are_no_evidence() -> None:
    assert boschloo(7, 20, 7, 20) == 1.0
    assert 0.0 in miettinen_nurminen(7, 20, 7, 20)


@pytest.mark.parametrize("counts", [(0, 0, 1, 2), (1, 2, 0, 0), (3, 2, 1, 2), (1, 2, -1, 2)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, int, int, int]) -> None:
    for function in (boschloo, miettinen_nurminen):
        with pytest.raises(ConfigError):
            function(*counts)
