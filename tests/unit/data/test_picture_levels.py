"""Levels of pictures are measured once; what is kept gives the same statistics, and never another episode's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from make_dataset import make_dataset
from understudy.data.dataset_files import Part
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.picture_levels import picture_levels
from understudy.data.statistics import compute_statistics

FRONT = "observation.images.front"


class CountedFrames:
    """Pictures of noise, a function of the row; counts how many were asked for."""

    def __init__(self, dataset: Dataset) -> None:
        _, self.height, self.width = dataset.spec.features[FRONT].shape
        self.gathered = 0

    def gather(self, camera: str, rows: np.ndarray) -> np.ndarray:
        self.gathered += len(rows)
        shape = (self.height, self.width, 3)
        return np.stack([np.random.default_rng(int(row)).integers(0, 256, shape, np.uint8) for row in rows])


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    folder = make_dataset(
        tmp_path / "d", images_as="image", episodes=3, frames=[5, 3, 4], size=(6, 8), cameras=("front",)
    )
    return load_dataset(str(folder))


def _same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def test_a_known_dataset_is_not_looked_at_again(dataset: Dataset, tmp_path: Path) -> None:
    first, second = CountedFrames(dataset), CountedFrames(dataset)
    measured = compute_statistics(dataset, [0, 1, 2], first, tmp_path)[FRONT]  # type: ignore[arg-type]
    recalled = compute_statistics(dataset, [0, 1, 2], second, tmp_path)[FRONT]  # type: ignore[arg-type]
    assert (first.gathered, second.gathered) == (12, 0)
    assert _same(measured, recalled)


def test_another_choice_of_episodes_measures_only_those_that_are_new(dataset: Dataset, tmp_path: Path) -> None:
    compute_statistics(dataset, [0], CountedFrames(dataset), tmp_path)  # type: ignore[arg-type]
    frames = CountedFrames(dataset)
    found = compute_statistics(dataset, [0, 2], frames, tmp_path)[FRONT]  # type: ignore[arg-type]
    assert frames.gathered == 4
    assert _same(found, compute_statistics(dataset, [0, 2], CountedFrames(dataset))[FRONT])  # type: ignore[arg-type]


def test_without_a_cache_nothing_is_kept(dataset: Dataset, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    compute_statistics(dataset, [0, 1], CountedFrames(dataset))  # type: ignore[arg-type]
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("damage", ["cut", "empty", "other counts", "other recipe"])
def test_what_is_damaged_is_measured_again(dataset: Dataset, tmp_path: Path, damage: str) -> None:
    episodes = dataset.episodes
    whole = picture_levels(Part(dataset), FRONT, episodes, CountedFrames(dataset), tmp_path)  # type: ignore[arg-type]
    (path,) = (tmp_path / "levels").rglob("*.npz")
    if damage in ("cut", "empty"):
        path.write_bytes(path.read_bytes()[: 400 if damage == "cut" else 0])
    else:
        stored = dict(np.load(path))
        stored["levels" if damage == "other counts" else "recipe"] += 1
        np.savez(path, **stored)
    frames = CountedFrames(dataset)
    again = picture_levels(Part(dataset), FRONT, episodes, frames, tmp_path)  # type: ignore[arg-type]
    assert frames.gathered == 12
    assert np.array_equal(again[0], whole[0]) and again[1] == whole[1]


def test_a_cache_that_cannot_be_written_stops_nothing(dataset: Dataset, tmp_path: Path) -> None:
    in_the_way = tmp_path / "levels"
    in_the_way.write_text("a file where the folder belongs")
    levels, count = picture_levels(Part(dataset), FRONT, dataset.episodes, CountedFrames(dataset), tmp_path)  # type: ignore[arg-type]
    assert count == 12 and levels.sum() == 12 * 6 * 8 * 3
    assert in_the_way.read_text() == "a file where the folder belongs"
