"""Merges are those of plain byte-pair encoding, and rows are cut from the left by the longest entry."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from understudy.nn.fast_merges import LongestMatch, find_merges, spell_out


def plain_merges(rows: np.ndarray, base: list[int], entries: int) -> list[tuple[int, int]]:
    """Byte-pair encoding as a textbook has it; of equally frequent pairs the one with the lower numbers."""
    words = [[base.index(i) for i in row] for row in rows.tolist()]
    merges: list[tuple[int, int]] = []
    while len(base) + len(merges) < entries:
        pairs = Counter(pair for word in words for pair in pairwise(word))
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        new = len(base) + len(merges)
        merges.append(best)
        for word in words:
            at = 0
            while at < len(word) - 1:
                if (word[at], word[at + 1]) == best:
                    word[at : at + 2] = [new]
                at += 1
    return merges


def some_rows(count: int = 40) -> np.ndarray:
    """Integers around 0, most of them 0, as coefficients are."""
    rng = np.random.default_rng(0)
    return np.rint(rng.standard_normal((count, 12)) * 4 / np.arange(1, 13)).astype(np.int64)


def test_the_merges_are_those_of_plain_byte_pair_encoding() -> None:
    rows = some_rows()
    base = sorted(set(rows.flatten().tolist()))
    found = find_merges(rows, base, len(base) + 25)
    assert len(found) == 25
    assert found == plain_merges(rows, base, len(base) + 25)


def test_merging_ends_where_no_two_neighbours_are_left() -> None:
    assert find_merges(np.array([[1, 2], [1, 2]]), [1, 2], 100) == [(0, 1)]
    assert find_merges(np.zeros((0, 3), np.int64), [1, 2], 100) == []
    assert find_merges(np.array([[1, 2]]), [1, 2], 2) == []


def test_entries_are_spelt_out_in_order_and_a_merge_of_what_comes_later_is_refused() -> None:
    assert spell_out([-1, 0, 7], [(1, 1), (3, 2)]) == [(-1,), (0,), (7,), (0, 0), (0, 0, 7)]
    with pytest.raises(ValueError, match="entry 3 is made of 3 and 0"):
        spell_out([-1, 0, 7], [(3, 0)])


def cut_one(entries: list[tuple[int, ...]], row: list[int]) -> list[int]:
    """The longest entry each time, by trying all."""
    found, at = [], 0
    while at < len(row):
        fitting = [(len(e), n) for n, e in enumerate(entries) if tuple(row[at : at + len(e)]) == e]
        width, number = max(fitting, default=(1, -1))
        found.append(number)
        at += width
    return found


def test_rows_are_cut_from_the_left_by_the_longest_entry() -> None:
    rows = some_rows(60)
    base = sorted(set(rows[:40].flatten().tolist()))
    entries = spell_out(base, find_merges(rows[:40], base, len(base) + 30))
    cut, counts = LongestMatch(entries, base[0], base[-1]).cut(rows)
    for row, found, count in zip(rows.tolist(), cut.tolist(), counts.tolist(), strict=True):
        assert found[:count] == cut_one(entries, row)
        assert set(found[count:]) <= {-1}


def test_longest_is_not_the_order_of_merges() -> None:
    entries = [(0,), (1,), (0, 1), (1, 1), (1, 1, 0)]
    cut, counts = LongestMatch(entries, 0, 1).cut(np.array([[0, 1, 1, 0]]))
    assert cut.tolist() == [[2, 1, 0]]
    assert counts.tolist() == [3]


def test_an_unknown_integer_is_one_place_of_minus_one() -> None:
    cut, counts = LongestMatch([(0,), (2,), (0, 2)], 0, 2).cut(np.array([[0, 2, 1], [99, 0, -5]]))
    assert cut.tolist() == [[2, -1, -1], [-1, 0, -1]]
    assert counts.tolist() == [2, 3]
