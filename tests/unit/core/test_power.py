"""How many episodes are needed: the power that is reached with them, by simulation and enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interval_coverage import binomial, pair_probability, pairs
from understudy.core.errors import ConfigError
from understudy.core.paired import mcnemar
from understudy.core.power import (
    paired_episodes,
    paired_power,
    smallest_paired_difference,
    smallest_unpaired_difference,
    training_seeds,
    unpaired_episodes,
)
from understudy.core.unpaired import boschloo


@pytest.mark.parametrize(("p", "q", "n"), [(0.3, 0.1, 30), (0.05, 0.05, 20), (1.0, 0.0, 8), (0.2, 0.0, 25)])
def test_the_paired_power_is_that_of_every_outcome_enumerated(p: float, q: float, n: int) -> None:
    only_a, only_b = pairs(n)
    rejects = np.array([mcnemar(int(a), int(b)) <= 0.05 for a, b in zip(only_a, only_b, strict=True)])
    enumerated = pair_probability(n, only_a, only_b, p, q)[rejects].sum()
    assert paired_power(p, q, n) == pytest.approx(enumerated, abs=1e-10)


@pytest.mark.parametrize(("p", "q"), [(0.15, 0.05), (0.4, 0.2), (0.05, 0.0)])
def test_so_many_paired_episodes_reach_the_power_and_clearly_fewer_do_not(p: float, q: float) -> None:
    n = paired_episodes(p, q)
    assert n is not None
    assert paired_power(p, q, n) >= 0.8 > paired_power(p, q, int(0.9 * n))
    assert paired_episodes(q, p) == n


def test_so_many_unpaired_episodes_reach_about_the_power() -> None:
    n = unpaired_episodes(0.9, 0.4)
    assert n == 14
    rejects = np.array([[boschloo(a, n, b, n) < 0.05 for b in range(n + 1)] for a in range(n + 1)])
    assert 0.7 < binomial(n, 0.9) @ rejects @ binomial(n, 0.4) < 0.9


def test_the_textbook_example_needs_its_293_or_294() -> None:
    # 0.7 against 0.8 at 0.05 two-sided and power 0.8, without continuity correction
    assert unpaired_episodes(0.8, 0.7) in (293, 294)


def test_policies_that_are_equally_good_are_never_told_apart() -> None:
    assert paired_episodes(0.1, 0.1) is None
    assert unpaired_episodes(0.5, 0.5) is None
    assert unpaired_episodes(0.5, 0.5001) is None
    assert training_seeds(0.0, 0.1, 0.1) is None


@settings(max_examples=25)
@given(st.floats(0.05, 1.0), st.integers(10, 300))
def test_the_smallest_difference_is_told_by_the_episodes_at_hand(differ: float, n: int) -> None:
    smallest = smallest_paired_difference(differ, n)
    if smallest is None:
        assert paired_power(differ, 0.0, n) < 0.8
    else:
        assert paired_power((differ + smallest) / 2, (differ - smallest) / 2, n) >= 0.8


def test_more_episodes_tell_smaller_differences() -> None:
    told = [smallest_unpaired_difference(0.7, n) for n in (20, 50, 200, 1000)]
    assert all(difference is not None for difference in told)
    assert told == sorted(told, key=lambda d: -(d or 0))
    assert smallest_unpaired_difference(0.5, 1) is None
    assert smallest_paired_difference(0.0, 50) is None


def test_recipes_that_vary_more_need_more_training_seeds() -> None:
    few, many = training_seeds(0.1, 0.05, 0.05), training_seeds(0.1, 0.15, 0.15)
    assert few is not None and many is not None
    assert 2 <= few < many
    assert training_seeds(0.5, 0.0, 0.0) == 2


@pytest.mark.parametrize("rates", [(0.7, 0.6), (-0.1, 0.2)])
def test_shares_that_cannot_be_are_refused(rates: tuple[float, float]) -> None:
    with pytest.raises(ConfigError):
        paired_power(*rates, 10)
    with pytest.raises(ConfigError, match="no success rate"):
        unpaired_episodes(1.2, 0.3)
