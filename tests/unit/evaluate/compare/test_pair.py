"""Which method is taken when, what the verdict rests on, and what a comparison says about the episodes needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from make_evaluation import FIRST_SEED, outcomes, write_evaluation
from understudy.core import paired, unpaired
from understudy.core.errors import ConfigError
from understudy.evaluate.compare.pair import compare, compare_all
from understudy.evaluate.compare.sides import Side, read_side


def side(tmp_path: Path, letter: str, results: object, *, first: int = FIRST_SEED) -> Side:
    return read_side(letter, str(write_evaluation(tmp_path / letter, list(results), first=first)))  # type: ignore[call-overload]


def recipe(tmp_path: Path, letter: str, rate: float, seeds: int = 3, n: int = 40, first: int = 0) -> Side:
    draw = np.random.default_rng(ord(letter))
    folders = [
        write_evaluation(tmp_path / f"{letter}{i}", (draw.random(n) < rate).tolist(), first=first) for i in range(seeds)
    ]
    return read_side(letter, ",".join(map(str, folders)))


def test_equal_seeds_are_compared_in_pairs(tmp_path: Path) -> None:
    a, b = outcomes(both=30, only_a=11, only_b=3, neither=6)
    found = compare(side(tmp_path, "a", a), side(tmp_path, "b", b))
    assert found.paired
    assert found.difference == pytest.approx(8 / 50)
    assert found.interval == paired.tango(11, 3, 50)
    assert found.p_value == paired.mcnemar(11, 3)
    assert found.only_a == [FIRST_SEED + i for i in range(30, 41)]
    assert found.only_b == [FIRST_SEED + i for i in range(41, 44)]


def test_different_seeds_are_compared_without_pairing(tmp_path: Path) -> None:
    found = compare(side(tmp_path, "a", [1] * 18 + [0] * 2), side(tmp_path, "b", [1] * 9 + [0] * 16, first=0))
    assert not found.paired
    assert found.difference == pytest.approx(18 / 20 - 9 / 25)
    assert found.interval == unpaired.miettinen_nurminen(18, 20, 9, 25)
    assert found.p_value == unpaired.boschloo(18, 20, 9, 25)
    assert found.verdict == "a"


def test_of_seeds_that_overlap_in_part_the_common_ones_count(tmp_path: Path) -> None:
    found = compare(side(tmp_path, "a", [1] * 10, first=0), side(tmp_path, "b", [0] * 10, first=4))
    assert found.seeds == [4, 5, 6, 7, 8, 9]
    assert found.interval == paired.tango(6, 0, 6)


def test_the_verdict_needs_the_test_and_the_interval(tmp_path: Path) -> None:
    a, b = outcomes(30, 11, 3, 6)
    found = compare(side(tmp_path, "a", a), side(tmp_path, "b", b))
    # the interval leaves out 0 while the exact test does not reject
    assert 0.0 not in found.interval and found.p_value > 0.05
    assert found.verdict == "undecided"


def test_swapping_the_sides_swaps_the_verdict(tmp_path: Path) -> None:
    a, b = outcomes(20, 20, 4, 6)
    first, second = side(tmp_path, "a", a), side(tmp_path, "b", b)
    one, other = compare(first, second), compare(second, first)
    assert one.verdict == other.verdict == "a"
    assert one.difference == -other.difference
    assert one.interval == -other.interval


def test_an_undecided_one_says_how_many_episodes_would_decide(tmp_path: Path) -> None:
    a, b = outcomes(30, 8, 3, 9)
    found = compare(side(tmp_path, "a", a), side(tmp_path, "b", b))
    assert found.verdict == "undecided"
    assert found.episodes_to_decide is not None and found.episodes_to_decide > 50
    assert found.smallest_difference is not None and found.smallest_difference > found.difference


def test_equal_results_would_never_be_told_apart(tmp_path: Path) -> None:
    found = compare(side(tmp_path, "a", [1, 0, 1]), side(tmp_path, "b", [1, 0, 1]))
    assert (found.difference, found.p_value, found.verdict) == (0.0, 1.0, "undecided")
    assert found.episodes_to_decide is None
    assert found.smallest_difference is None


def test_a_single_episode_decides_nothing(tmp_path: Path) -> None:
    assert compare(side(tmp_path, "a", [1]), side(tmp_path, "b", [0])).verdict == "undecided"
    assert compare(side(tmp_path, "c", [1]), side(tmp_path, "d", [0], first=0)).verdict == "undecided"


def test_training_seeds_on_both_sides_are_counted_with_the_episodes(tmp_path: Path) -> None:
    found = compare(recipe(tmp_path, "a", 0.9), recipe(tmp_path, "b", 0.4))
    assert found.design == "training seeds, paired"
    assert found.verdict == "a"
    assert found.training_seeds_to_decide is not None


def test_training_seeds_on_other_episodes_are_compared_without_pairing(tmp_path: Path) -> None:
    found = compare(recipe(tmp_path, "a", 0.9), recipe(tmp_path, "b", 0.4, first=1000))
    assert found.design == "training seeds, unpaired"
    assert not found.paired and found.verdict == "a"


def test_several_training_seeds_against_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="training seeds"):
        compare(recipe(tmp_path, "a", 0.5), side(tmp_path, "b", [1] * 40, first=0))


def test_several_training_seeds_are_not_read_one_by_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sequential"):
        compare(recipe(tmp_path, "a", 0.5), recipe(tmp_path, "b", 0.5), sequential=True)


def test_read_one_by_one_it_stops_at_the_eighth_win(tmp_path: Path) -> None:
    found = compare(side(tmp_path, "a", [1] * 20), side(tmp_path, "b", [1] * 5 + [0] * 15), sequential=True)
    assert found.early is not None
    assert (found.early.winner, found.early.decided_after, found.early.pairs) == ("a", 13, 20)


def test_different_seeds_can_be_read_one_by_one_too(tmp_path: Path) -> None:
    found = compare(side(tmp_path, "a", [0] * 12), side(tmp_path, "b", [1] * 9, first=0), sequential=True)
    assert found.early is not None
    assert (found.early.winner, found.early.decided_after, found.early.pairs) == ("b", 8, 9)


def test_of_three_each_pair_is_compared_and_corrected(tmp_path: Path) -> None:
    sides = [side(tmp_path, letter, [1] * k + [0] * (40 - k)) for letter, k in (("a", 36), ("b", 20), ("c", 14))]
    found = compare_all(sides, sequential=True)
    assert [(r.a.letter, r.b.letter) for r in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(result.adjusted >= result.p_value for result in found)
    assert [result.verdict for result in found] == ["a", "a", "b"]
    assert [result.early.alpha for result in found if result.early] == pytest.approx([0.05 / 3] * 3)


def test_a_difference_that_only_just_counts_alone_does_not_among_three(tmp_path: Path) -> None:
    rows = {"a": [1] * 6 + [0] * 14, "b": [0] * 20, "c": [1] * 3 + [0] * 17}
    sides = [side(tmp_path, letter, results) for letter, results in rows.items()]
    assert compare(sides[0], sides[1]).verdict == "a"
    assert compare_all(sides)[0].verdict == "undecided"
