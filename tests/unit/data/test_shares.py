"""Sampling weights: shares are met in every epoch, rows of a dataset take turns, and any draw can be asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.data.sampler import Sampler
from understudy.data.shares import Group, shares


def test_remainders_go_to_the_largest_first() -> None:
    assert shares([1, 1, 1], 10) == [4, 3, 3]
    assert shares([1, 3], 10) == [3, 7]  # 2.5 and 7.5: of equal ones the first
    assert shares([0.5, 0.25, 0.25], 8) == [4, 2, 2]


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=6), st.integers(1, 10_000))
def test_shares_add_up_and_are_off_by_less_than_one(weights: list[float], total: int) -> None:
    found = shares(weights, total)
    assert sum(found) == total
    for share, weight in zip(found, weights, strict=True):
        assert abs(share - weight / sum(weights) * total) < 1


def sampler(batch: int = 4, counts: tuple[int, int] = (6, 24)) -> Sampler:
    """10 rows of one dataset and 20 of another, drawn 6 and 24 times an epoch."""
    groups = [Group(0, np.arange(10), counts[0]), Group(1, np.arange(10, 30), counts[1])]
    return Sampler(np.arange(30) + 100, batch, 7, groups=groups)


def stream(drawn: Sampler, draws: int) -> np.ndarray:
    return np.concatenate([drawn.rows_of(draw) for draw in range(draws)]) - 100


def test_every_epoch_meets_the_shares_exactly() -> None:
    rows = stream(sampler(), 30).reshape(4, 30)
    assert (rows < 10).sum(axis=1).tolist() == [6, 6, 6, 6]


def test_all_rows_of_a_dataset_come_before_any_comes_again() -> None:
    rows = stream(sampler(), 75)
    small, large = rows[rows < 10], rows[rows >= 10]
    assert len(small) == 60 and len(large) == 240
    # an epoch is shuffled as a whole: what went round in it is seen at the ends of epochs
    assert np.bincount(small, minlength=10).tolist() == [6] * 10
    assert np.bincount(large - 10, minlength=20).tolist() == [12] * 20


def test_a_batch_is_the_same_whatever_was_asked_before() -> None:
    in_turn = [sampler().rows_of(draw).tolist() for draw in range(12)]
    at_random = sampler()
    for draw in (11, 2, 7, 0):
        assert at_random.rows_of(draw).tolist() == in_turn[draw]


def test_datasets_are_mixed_within_an_epoch() -> None:
    first = stream(sampler(batch=30), 1) < 10
    assert first[:15].any() and first[15:].any()


def test_the_order_is_the_one_that_earlier_runs_were_trained_in() -> None:
    # recorded; a change here would make resumed runs see other samples than the run that never stopped
    assert sampler(batch=10).rows_of(0).tolist() == [128, 110, 125, 120, 109, 113, 100, 129, 124, 114]
    assert sampler(batch=10).rows_of(40).tolist() == [129, 129, 127, 101, 112, 114, 114, 126, 128, 112]


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_same_batch(world: int) -> None:
    groups = [Group(0, np.arange(10), 6), Group(1, np.arange(10, 30), 24)]
    parts = [Sampler(np.arange(30), 2, 7, rank=r, world=world, groups=groups).rows_of(3) for r in range(world)]
    whole = Sampler(np.arange(30), 2 * world, 7, groups=groups).rows_of(3)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
