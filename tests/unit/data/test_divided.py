"""Which windows belong to which part: by episode, by the frame they begin at, or drawn over all of them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from make_dataset import make_dataset
from understudy.core.errors import ConfigError, DataError
from understudy.data.divided import DividedRows, divided_rows
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.split import Split, WindowShares, split_episodes, split_of_file, split_windows


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data") / "d"
    return load_dataset(str(make_dataset(folder, episodes=6, frames=[10, 12, 9, 10, 10, 11], cameras=())))


def whole(parts: DividedRows) -> list[int]:
    return sorted(np.concatenate([parts.train, parts.validation, parts.test]).tolist())


def test_every_frame_of_its_episodes_belongs_to_a_part(dataset: Dataset) -> None:
    parts = divided_rows(dataset, Split([0, 2, 5], [1, 4], [3]))
    assert whole(parts) == list(range(62))
    assert parts.validation.tolist() == [*range(10, 22), *range(41, 51)]
    assert parts.test.tolist() == list(range(31, 41))


def test_windows_can_be_asked_to_begin_at_certain_frames(dataset: Dataset) -> None:
    parts = divided_rows(dataset, Split([0, 2, 5], [1, 4], [3]), [0, 3, 10])
    assert parts.train.tolist() == [0, 3, 22, 25, 51, 54, 61]
    assert parts.validation.tolist() == [10, 13, 20, 41, 44]
    with pytest.raises(ConfigError, match="no window is left"):
        divided_rows(dataset, Split([0, 2], [1], []), [11])


def test_a_split_by_window_draws_over_all_episodes_and_is_a_function_of_its_seed(dataset: Dataset) -> None:
    split = split_windows(dataset, seed=4, eval_split=0.25, test_split=0.1)
    assert split.train == [0, 1, 2, 3, 4, 5] and not split.validation
    parts, again = divided_rows(dataset, split), divided_rows(dataset, Split.from_json(split.to_json()))
    assert (len(parts.validation), len(parts.test)) == (16, 6)
    assert whole(parts) == list(range(62))
    assert all(np.array_equal(getattr(parts, n), getattr(again, n)) for n in ("train", "validation", "test"))
    # this is the leak: episodes have windows on both sides
    sides = [set(dataset.episode_of_row[rows].tolist()) for rows in (parts.train, parts.validation)]
    assert len(sides[0] & sides[1]) >= 4
    other = divided_rows(dataset, split_windows(dataset, seed=5, eval_split=0.25, test_split=0.1))
    assert not np.array_equal(parts.validation, other.validation)


def test_a_tenth_of_the_windows_is_held_out_unless_a_share_is_named(dataset: Dataset) -> None:
    assert split_windows(dataset, seed=0, eval_split=None, test_split=0.0).windows == WindowShares(0, 0.1, 0.0)


def test_test_episodes_leave_the_held_out_ones_where_they_are(dataset: Dataset) -> None:
    many: Any = SimpleNamespace(episodes=[SimpleNamespace(index=i, tasks=("t",)) for i in range(2000)])

    def split(share: float, **options: Any) -> Split:
        return split_episodes(many, seed=1, test_split=share, **{"eval_split": None, "eval_episodes": None} | options)

    without, some, more = split(0.0), split(0.1), split(0.3)
    assert without.test == [] and without.validation == some.validation == more.validation
    assert 160 < len(some.test) < 240 and set(some.test) < set(more.test)
    assert sorted(some.train + some.validation + some.test) == list(range(2000))
    named = split(0.1, eval_episodes=some.test[:3])
    assert named.validation == some.test[:3] and named.test == some.test[3:]
    last = split(0.1, eval_split=0.2)
    left = [i for i in range(2000) if i not in set(last.test)]
    assert last.validation == left[-len(last.validation) :] and len(last.test) == len(some.test)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("{", DataError, "not valid JSON"),
        ("[]", DataError, "`train` has to be a list"),
        ('{"train": [0, 1], "validation": [1]}', DataError, "episode 1 is in it twice"),
        ('{"train": [0, 17]}', ConfigError, "names episode 17"),
        ('{"train": [], "validation": [1]}', ConfigError, "nothing to train on"),
        ('{"train": [0], "windows": 3}', DataError, "seed, validation and test"),
        ('{"train": [0], "windows": {"seed": 0, "validation": 0.6, "test": 0.5}}', DataError, "below 1 together"),
        ('{"train": [0], "windows": {"seed": -1, "validation": 0.1, "test": 0.1}}', DataError, "positive"),
    ],
)
def test_a_file_that_is_no_split_of_these_episodes_is_refused(
    dataset: Dataset, tmp_path: Path, content: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(error, match=words) as refused:
        split_of_file(tmp_path / "split.json", dataset)
    assert "split.json" in str(refused.value)


def test_a_file_can_hold_what_a_run_left(dataset: Dataset, tmp_path: Path) -> None:
    for split in (Split([0, 3], [1], [2]), split_windows(dataset, seed=3, eval_split=None, test_split=0.2)):
        (tmp_path / "split.json").write_text(json.dumps(split.to_json()))
        assert split_of_file(tmp_path / "split.json", dataset) == split
    with pytest.raises(DataError, match="cannot be read"):
        split_of_file(tmp_path / "absent.json", dataset)
