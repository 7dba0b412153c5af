"""Rows of episodes, and an even sample of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from make_dataset import make_dataset
from understudy.data.lerobot import load_dataset
from understudy.data.rows import evenly_spaced, rows_of_episodes


def test_rows_are_those_of_the_named_episodes_in_the_datasets_order(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "d", episodes=3, frames=[4, 3, 5], cameras=())))
    assert rows_of_episodes(dataset, [2, 0]).tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 11]
    assert rows_of_episodes(dataset, [2, 0], skip=1).tolist() == [1, 2, 3, 8, 9, 10, 11]
    assert rows_of_episodes(dataset, []).tolist() == []


def test_a_sample_is_even_and_holds_both_ends() -> None:
    rows = np.arange(10, 21)
    assert evenly_spaced(rows, 3).tolist() == [10, 15, 20]
    assert evenly_spaced(rows, 11).tolist() == rows.tolist()
    assert evenly_spaced(rows, None) is rows
