"""The order of samples: a function of (seed, epoch), asked for at random, every row once an epoch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.core.errors import ConfigError, DataError
from understudy.data.sampler import Sampler

sizes = {"n": st.integers(1, 60), "batch": st.integers(1, 90), "seed": st.integers(0, 2**40)}


@given(**sizes)
def test_every_batch_is_full_and_every_epoch_holds_every_row_once(n: int, batch: int, seed: int) -> None:
    rows = np.arange(n) * 3 + 100
    sampler = Sampler(rows, batch, seed)
    draws = -(-3 * n // batch)
    stream = np.concatenate([sampler.rows_of(draw) for draw in range(draws)])
    assert len(stream) == draws * batch
    for epoch in range(3):
        np.testing.assert_array_equal(np.sort(stream[epoch * n : (epoch + 1) * n]), rows)


@given(**sizes, order=st.permutations(list(range(8))))
def test_a_batch_is_the_same_whatever_was_asked_before(n: int, batch: int, seed: int, order: list[int]) -> None:
    in_turn = Sampler(np.arange(n), batch, seed)
    expected = {draw: in_turn.rows_of(draw) for draw in range(8)}
    at_random = Sampler(np.arange(n), batch, seed)
    for draw in order:
        np.testing.assert_array_equal(at_random.rows_of(draw), expected[draw])


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    first, second = (Sampler(np.arange(50), 50, 7).rows_of(draw) for draw in (0, 1))
    other = Sampler(np.arange(50), 50, 8).rows_of(0)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.arange(50))


def test_the_order_is_the_one_that_earlier_runs_were_trained_in() -> None:
    # recorded; a change here would make resumed runs see other samples than the run that never stopped
    assert Sampler(np.arange(10), 10, 1000).rows_of(0).tolist() == [7, 5, 2, 4, 6, 0, 8, 3, 9, 1]
    assert Sampler(np.arange(10), 10, 1000).rows_of(123).tolist() == [6, 0, 3, 1, 7, 5, 9, 8, 2, 4]


def test_a_far_batch_costs_no_replay() -> None:
    sampler = Sampler(np.arange(1000), 8, 3)
    assert len(sampler.rows_of(10**12)) == 8
    assert sampler.epoch_of(10**12) == 8 * 10**9


@given(**sizes, draw=st.integers(0, 50))
def test_epoch_of_is_the_epoch_of_the_first_row(n: int, batch: int, seed: int, draw: int) -> None:
    assert Sampler(np.arange(n), batch, seed).epoch_of(draw) == sum(1 for i in range(1, draw * batch + 1) if i % n == 0)


def test_threads_get_what_one_thread_gets() -> None:
    expected = [Sampler(np.arange(40), 7, 1).rows_of(draw).tolist() for draw in range(200)]
    shared = Sampler(np.arange(40), 7, 1)
    with ThreadPoolExecutor(4) as pool:
        assert [rows.tolist() for rows in pool.map(shared.rows_of, range(200))] == expected


def test_nothing_to_draw_from_is_an_error() -> None:
    with pytest.raises(DataError, match="no frame"):
        Sampler(np.array([], dtype=np.int64), 8, 0)


@pytest.mark.parametrize("batch_size", [0, -3])
def test_an_impossible_batch_size_is_an_error(batch_size: int) -> None:
    with pytest.raises(ConfigError, match=str(batch_size)):
        Sampler(np.arange(4), batch_size, 0)


@given(**sizes, world=st.integers(1, 4))
def test_processes_take_equal_parts_of_one_batch(n: int, batch: int, seed: int, world: int) -> None:
    alone = Sampler(np.arange(n), batch * world, seed)
    together = [Sampler(np.arange(n), batch, seed, rank=rank, world=world) for rank in range(world)]
    for draw in (0, 3):
        np.testing.assert_array_equal(np.concatenate([s.rows_of(draw) for s in together]), alone.rows_of(draw))
        np.testing.assert_array_equal(together[-1].batch_of(draw), alone.rows_of(draw))
        assert together[-1].epoch_of(draw) == alone.epoch_of(draw)
