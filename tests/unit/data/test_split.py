"""Which episodes are held out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.core.errors import ConfigError, DataError
from understudy.data.split import Split, split_episodes


def dataset(indices: list[int], tasks: list[str] | None = None) -> Any:
    tasks = tasks or ["t"] * len(indices)
    return SimpleNamespace(episodes=[SimpleNamespace(index=i, tasks=(t,)) for i, t in zip(indices, tasks, strict=True)])


def draw(indices: list[int], seed: int = 0) -> Split:
    return split_episodes(dataset(indices), seed=seed, eval_split=None, eval_episodes=None)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_below_five_episodes_none_is_held_out(n: int) -> None:
    assert draw(list(range(n))) == Split(list(range(n)))


@given(st.integers(0, 10**6), st.integers(5, 60))
def test_every_episode_is_on_one_side_and_both_sides_have_some(seed: int, n: int) -> None:
    split = draw(list(range(n)), seed)
    assert sorted(split.train + split.validation) == list(range(n))
    assert split.train
    assert split.validation
    assert split.test == []


@given(st.integers(0, 10**6), st.integers(5, 40), st.integers(1, 40))
def test_adding_episodes_never_moves_an_old_one(seed: int, n: int, more: int) -> None:
    before, after = draw(list(range(n)), seed), draw(list(range(n + more)), seed)
    assert set(before.validation) == {i for i in after.validation if i < n}


def test_the_order_of_the_episodes_does_not_matter() -> None:
    assert draw(list(range(20)), 3) == Split(
        *map(sorted, (draw(list(range(20)), 3).train, draw(list(range(20)), 3).validation))
    )
    backwards = draw(list(range(19, -1, -1)), 3)
    assert sorted(backwards.train) == draw(list(range(20)), 3).train
    assert backwards.validation == draw(list(range(20)), 3).validation


def test_about_a_tenth_is_held_out_and_another_seed_draws_others() -> None:
    counts = [len(draw(list(range(200)), seed).validation) for seed in range(50)]
    assert 15 <= sum(counts) / len(counts) <= 25
    assert len({tuple(draw(list(range(50)), seed).validation) for seed in range(20)}) > 15


def test_zero_holds_out_none() -> None:
    split = split_episodes(dataset(list(range(20))), seed=0, eval_split=0, eval_episodes=None)
    assert split == Split(list(range(20)))


def test_a_share_holds_out_the_last_of_each_task() -> None:
    tasks = ["pick", "place"] * 5 + ["push"] * 3
    split = split_episodes(dataset(list(range(13)), tasks), seed=0, eval_split=0.25, eval_episodes=None)
    assert split.validation == [6, 7, 8, 9, 12]
    assert split.train == [0, 1, 2, 3, 4, 5, 10, 11]


def test_named_episodes_are_held_out() -> None:
    split = split_episodes(dataset([3, 5, 8]), seed=0, eval_split=None, eval_episodes=[8, 3])
    assert split == Split([5], [3, 8])


def test_an_empty_list_of_episodes_holds_out_none() -> None:
    assert split_episodes(dataset(list(range(9))), seed=0, eval_split=None, eval_episodes=[]).validation == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"eval_episodes": [9]}, "episode 9 is to be held out, but is not loaded"),
        ({"eval_episodes": [3, 5, 8]}, "all 3 episodes would be held out"),
        ({"eval_split": 0.9}, "all 3 episodes would be held out"),
        ({"eval_split": 1.0}, "at least 0 and below 1"),
        ({"eval_split": -0.1}, "at least 0 and below 1"),
        ({"eval_split": 0.1, "eval_episodes": [3]}, "two ways to say the same"),
    ],
)
def test_splits_that_leave_nothing_or_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split_episodes(dataset([3, 5, 8]), seed=0, **({"eval_split": None, "eval_episodes": None} | options))
    assert said in str(caught.value)


def test_a_split_survives_its_file() -> None:
    split = Split([0, 2], [1], [5])
    assert Split.from_json(split.to_json()) == split
    assert split.to_json() == {"train": [0, 2], "validation": [1], "test": [5]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "no split"),
        ({"train": "all"}, "`train` has to be a list"),
        ({"train": [0, True]}, "`train` has to be a list"),
        ({"train": [0, 1], "validation": [1]}, "episode 1 is in it twice"),
    ],
)
def test_a_file_that_is_no_split_is_refused(content: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Split.from_json(content)
