"""The test that may stop early: its error rate exactly, by following every path, and by simulation; its power."""

from __future__ import annotations

import math

import numpy as np
import pytest

from interval_coverage import peeking_stops, sequential_stops
from understudy.core.errors import ConfigError
from understudy.core.power import paired_episodes
from understudy.core.sequential import SequentialTest, log_evidence


def decided(
    rates: tuple[float, float], pairs: int, repeats: int, seed: int, alpha: float = 0.05
) -> list[SequentialTest]:
    """Tests of so many pairs, stopped when they decide."""
    draw = np.random.default_rng(seed)
    finished = []
    for _ in range(repeats):
        test = SequentialTest(alpha)
        for a, b in draw.random((pairs, 2)) < rates:
            if test.update(bool(a), bool(b)):
                break
        finished.append(test)
    return finished


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01])
def test_looking_after_every_pair_names_a_winner_between_equals_at_most_at_its_rate(alpha: float) -> None:
    assert sequential_stops(0.5, most=1500, alpha=alpha)[-1] <= alpha


@pytest.mark.slow
def test_it_does_so_over_ten_thousand_differing_pairs() -> None:
    assert 0.03 < sequential_stops(0.5, most=10_000)[-1] <= 0.05


def test_simulated_comparisons_of_equals_err_as_rarely() -> None:
    tests = decided((0.5, 0.5), pairs=200, repeats=400, seed=0)
    # the exact rate is below 3.1 %; six per cent would be 24 of 400
    assert sum(test.winner is not None for test in tests) < 24


def test_equals_that_nearly_always_succeed_err_as_rarely() -> None:
    tests = decided((0.95, 0.95), pairs=200, repeats=300, seed=1)
    assert sum(test.winner is not None for test in tests) < 18


def test_peeking_at_mcnemars_test_errs_far_more_often() -> None:
    assert peeking_stops(50)[-1] > 3 * 0.05


def test_a_clear_difference_is_found_early_and_named_right() -> None:
    tests = decided((0.9, 0.5), pairs=200, repeats=200, seed=3)
    assert np.mean([test.winner == "a" for test in tests]) > 0.99
    # a plan for a fixed number, at power 0.8, would need this many
    planned = paired_episodes(0.9 * 0.5, 0.1 * 0.5)
    assert planned is not None
    assert np.median([test.decided_after or math.inf for test in tests]) < 1.2 * planned


def test_it_finds_a_difference_with_the_power_that_follows_every_path() -> None:
    assert sequential_stops(0.8, most=50)[-1] > 0.95
    assert sequential_stops(0.7, most=100)[-1] > 0.88


def test_the_evidence_is_the_closed_form() -> None:
    assert log_evidence(0, 0) == 0.0
    assert math.exp(log_evidence(7, 3)) == pytest.approx(2**10 / (11 * math.comb(10, 3)))
    assert log_evidence(7, 3) == log_evidence(3, 7)


def test_eight_wins_in_a_row_decide_and_seven_do_not() -> None:
    test = SequentialTest(alpha=0.05)
    said = [test.update(False, True) for _ in range(8)]
    assert said == [None] * 7 + ["b"]
    assert test.decided_after == 8


def test_pairs_that_do_not_differ_change_nothing_but_their_number() -> None:
    test = SequentialTest()
    for success in (True, False, True):
        assert test.update(success, success) is None
    assert (test.pairs, test.only_a, test.only_b, test.log_evidence) == (3, 0, 0, 0.0)


def test_a_decision_stays_whatever_comes_after() -> None:
    test = SequentialTest()
    for _ in range(8):
        test.update(True, False)
    for _ in range(30):
        test.update(False, True)
    assert (test.winner, test.decided_after, test.pairs) == ("a", 8, 38)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.5])
def test_an_error_rate_that_is_none_is_refused(alpha: float) -> None:
    with pytest.raises(ConfigError, match="error rate"):
        SequentialTest(alpha)
