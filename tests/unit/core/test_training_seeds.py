"""Intervals over training seeds: coverage by simulation with 3, 5 and 10 seeds, and what leaving chance out costs."""

from __future__ import annotations

import numpy as np
import pytest

from interval_coverage import TRUTHS, rate_coverage, recipes, seeds_coverage
from understudy.core.errors import ConfigError
from understudy.core.training_seeds import over_training_seeds, rate_over_training_seeds


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("name", TRUTHS)
def test_the_interval_holds_the_truth_as_often_as_it_says(name: str, seeds: int) -> None:
    # 400 repeats: three standard errors below 95 % are 91.7 %
    assert seeds_coverage(name, seeds, n=30, repeats=400)["both"] >= 0.917


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("name", TRUTHS)
def test_it_does_so_closely(name: str, seeds: int) -> None:
    assert seeds_coverage(name, seeds, n=50, repeats=5000, start=1)["both"] >= 0.94


def test_pooling_the_episodes_of_all_seeds_is_far_too_sure() -> None:
    assert seeds_coverage("seeds differ much", 5, n=50, repeats=300)["pooled"] < 0.7


def test_counting_seeds_alone_is_too_sure_where_recipes_fail_on_different_episodes() -> None:
    assert seeds_coverage("each recipe fails elsewhere", 5, n=50, repeats=300)["seeds only"] < 0.85


def test_swapping_the_sides_turns_the_sign() -> None:
    a, b = recipes(np.random.default_rng(0), 4, 25, TRUTHS["episodes hard for both"])
    one, other = over_training_seeds(a, b, paired=True), over_training_seeds(b, a, paired=True)
    assert one.difference == pytest.approx(-other.difference)
    assert one.interval.to_json() == pytest.approx((-other.interval).to_json())
    assert one.p_value == pytest.approx(other.p_value)


def test_the_p_value_and_the_interval_agree() -> None:
    draw = np.random.default_rng(3)
    for _ in range(100):
        found = over_training_seeds(*recipes(draw, 4, 25, TRUTHS["seeds differ little, episodes alike"]), paired=True)
        assert (found.p_value < 0.05) == (0.0 not in found.interval)


def test_policies_that_all_do_alike_do_not_make_the_interval_vanish() -> None:
    solved = np.ones((3, 50), dtype=bool)
    found = over_training_seeds(solved, solved, paired=True)
    assert found.difference == 0
    assert found.interval.low < -0.01 < 0.01 < found.interval.high


def test_sides_with_other_episodes_are_compared_without_pairing() -> None:
    draw = np.random.default_rng(1)
    a, b = draw.random((3, 40)) < 0.9, draw.random((5, 20)) < 0.2
    found = over_training_seeds(a, b, paired=False)
    assert found.interval.low > 0.3
    assert found.p_value < 0.01


@pytest.mark.parametrize("shape", [(1, 20), (3, 1), (20,)])
def test_a_single_training_seed_or_episode_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="at least two"):
        over_training_seeds(np.ones(shape), np.ones((3, 20)), paired=False)


def test_the_interval_of_one_recipe_is_that_of_its_difference_to_never_succeeding() -> None:
    outcomes = np.random.default_rng(0).random((5, 200)) < np.linspace(0.5, 0.8, 5)[:, None]
    alone = rate_over_training_seeds(outcomes)
    difference = over_training_seeds(outcomes, np.zeros_like(outcomes), paired=True).interval
    # never succeeding has a little doubt of its own: one success and one failure are added to its 1,000 episodes
    assert alone.to_json() == pytest.approx(difference.to_json(), abs=1e-3)
    assert outcomes.mean() in alone


@pytest.mark.parametrize("name", TRUTHS)
def test_one_recipe_s_interval_holds_its_rate_as_often_as_it_says(name: str) -> None:
    # 400 repeats: three standard errors below 95 % are 91.7 %
    assert rate_coverage(name, 5, n=30, repeats=400) >= 0.917


def test_one_recipe_that_always_succeeds_keeps_an_interval() -> None:
    interval = rate_over_training_seeds(np.ones((3, 20)))
    assert 0.9 < interval.low < 1 and interval.high == 1
    with pytest.raises(ConfigError, match="at least two"):
        rate_over_training_seeds(np.ones((1, 20)))
