"""Statistics: LeRobot's numbers, over the episodes asked for and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from make_dataset import expected_level, make_dataset
from understudy.core.errors import DataError
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.picture_levels import sampled_frames, thinned
from understudy.data.spec import Statistics
from understudy.data.statistics import aggregate, compute_statistics, of_rows, use_imagenet

FRONT = "observation.images.front"


class DecodedFrames:
    """The frames of a dataset, decoded when they are asked for."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def gather(self, camera: str, rows: np.ndarray) -> np.ndarray:
        return np.stack([self.dataset.read_frame(camera, int(row)) for row in rows])


def measured(folder: Path, episodes: list[int]) -> Statistics:
    dataset = load_dataset(str(folder))
    return compute_statistics(dataset, episodes, DecodedFrames(dataset))  # type: ignore[arg-type]


def test_the_numbers_are_those_of_lerobot(tmp_path: Path) -> None:
    # recorded from LeRobot 0.4.4: compute_episode_stats of each episode, then aggregate_stats
    folder = make_dataset(tmp_path / "d", episodes=4, frames=[150, 40, 310, 7], cameras=())
    stats = compute_statistics(load_dataset(str(folder)), range(4), None)["action"]
    recorded = {
        "min": [-1.3090051, -0.1200714, -0.0196052, -0.9835235, -0.2004892, 0.5407892],
        "max": [-0.5355506, 1.2285813, 1.2162843, 0.8895372, 1.5644567, 1.2526476],
        "mean": [-0.9232886, 0.5630564, 0.5540379, -0.0601208, 0.6570029, 0.8984603],
        "std": [0.2755722, 0.4753386, 0.4365663, 0.6644778, 0.6173868, 0.2522775],
        "count": [507],
    }
    for name, values in recorded.items():
        np.testing.assert_allclose(stats[name], values, atol=1e-6)


def test_pictures_are_measured_as_lerobot_does(tmp_path: Path) -> None:
    # recorded likewise; 310x330 pictures are thinned out, and of 507 frames 247 are looked at
    folder = make_dataset(
        tmp_path / "d", images_as="image", episodes=4, frames=[150, 40, 310, 7], size=(30, 40), cameras=("front",)
    )
    stats = measured(folder, [0, 1, 2, 3])[FRONT]
    assert all(value.shape == (3, 1, 1) for name, value in stats.items() if name != "count")
    np.testing.assert_allclose(stats["min"].ravel(), 0.0784313725490196)
    np.testing.assert_allclose(stats["max"].ravel(), 0.9176470588235294)
    np.testing.assert_allclose(stats["mean"].ravel(), 0.49837262840358815)
    assert stats["count"] == 247


def test_quantiles_of_pictures_are_exact(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", images_as="image", frames=[9, 6], episodes=2, size=(2, 3))
    stats = measured(folder, [0, 1])[FRONT]
    levels = [expected_level(e, f) for e, n in enumerate([9, 6]) for f in range(n)]
    pixels = np.repeat(levels, 6) / 255
    for name, q in (("q01", 0.01), ("q10", 0.1), ("q50", 0.5), ("q90", 0.9), ("q99", 0.99)):
        np.testing.assert_allclose(stats[name].ravel(), np.quantile(pixels, q), rtol=1e-12)
    np.testing.assert_allclose(stats["std"].ravel(), pixels.std(), rtol=1e-12)


def test_only_the_episodes_asked_for_count(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "d", cameras=(), frames=[5, 8, 6])))
    stats = compute_statistics(dataset, [0, 2], None)
    rows = dataset.columns["action"][dataset.episode_of_row != 1].astype(np.float64)
    np.testing.assert_allclose(stats["action"]["mean"], rows.mean(0))
    np.testing.assert_allclose(stats["action"]["q90"], np.quantile(rows, 0.9, axis=0))
    assert stats["action"]["count"] == 11


def test_episodes_are_meant_by_index_not_by_position(tmp_path: Path) -> None:
    folder = str(make_dataset(tmp_path / "d", cameras=(), frames=[5, 8, 6]))
    part = compute_statistics(load_dataset(folder, episodes=[1, 2]), [2], None)
    whole = compute_statistics(load_dataset(folder), [2], None)
    np.testing.assert_array_equal(part["action"]["mean"], whole["action"]["mean"])


def test_without_frames_cameras_are_not_measured(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "d", frames=4)))
    assert FRONT not in compute_statistics(dataset, [0], None)


def test_no_episode_left_is_an_error(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "d", cameras=())))
    with pytest.raises(DataError, match="no episode"):
        compute_statistics(dataset, [], None)


@pytest.mark.parametrize(("length", "count"), [(1, 1), (99, 99), (100, 100), (400, 100), (1000, 177), (10**6, 10_000)])
def test_samples_of_an_episode_are_spread_from_its_first_to_its_last_frame(length: int, count: int) -> None:
    frames = sampled_frames(length)
    assert len(frames) == count
    assert frames[0] == 0
    assert frames[-1] == length - 1
    assert (np.diff(frames) > 0).all()


@pytest.mark.parametrize(
    ("size", "left"),
    [((299, 200), (299, 200)), ((300, 200), (150, 100)), ((480, 640), (120, 160)), ((720, 1280), (90, 160))],
)
def test_large_pictures_are_thinned_out(size: tuple[int, int], left: tuple[int, int]) -> None:
    assert thinned(np.zeros((1, *size, 3), np.uint8)).shape == (1, *left, 3)


def test_imagenet_replaces_mean_and_std_of_cameras_alone() -> None:
    pixels = {"mean": np.ones((3, 1, 1)), "std": np.ones((3, 1, 1)), "max": np.full((3, 1, 1), 0.9)}
    before: Statistics = {"a": dict(pixels), "action": {"mean": np.zeros(2)}}
    after = use_imagenet(before, ["a", "b"])
    for camera in ("a", "b"):
        np.testing.assert_allclose(after[camera]["mean"].ravel(), [0.485, 0.456, 0.406])
        np.testing.assert_allclose(after[camera]["std"].ravel(), [0.229, 0.224, 0.225])
        assert after[camera]["std"].shape == (3, 1, 1)
    assert (after["a"]["max"] == 0.9).all()
    assert (after["action"]["mean"] == 0).all()
    assert (before["a"]["mean"] == 1).all()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 10**6))
def test_joined_statistics_are_those_of_the_union(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(rng.normal(), 1, (n, 3)) for n in lengths]
    joined = aggregate([{"x": of_rows(part)} for part in parts])["x"]
    whole = of_rows(np.concatenate(parts))
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(joined[name], whole[name], atol=1e-12)
    quantiles = [of_rows(part) for part in parts]
    np.testing.assert_array_equal(joined["q10"], np.min([part["q10"] for part in quantiles], axis=0))
    np.testing.assert_array_equal(joined["q99"], np.max([part["q99"] for part in quantiles], axis=0))


def test_statistics_without_a_count_cannot_be_joined() -> None:
    part = {"x": {"mean": np.zeros(2), "std": np.ones(2)}}
    with pytest.raises(DataError, match="`count` is missing"):
        aggregate([part, part])


def test_statistics_of_different_shapes_cannot_be_joined() -> None:
    with pytest.raises(DataError, match="different shapes"):
        aggregate([{"x": of_rows(np.zeros((3, n)))} for n in (2, 3)])


def test_a_quantile_that_only_some_episodes_have_is_dropped() -> None:
    full = of_rows(np.arange(6.0).reshape(3, 2))
    bare = {name: value for name, value in full.items() if not name.startswith("q")}
    assert set(aggregate([{"x": full}, {"x": bare}])["x"]) == {"min", "max", "mean", "std", "count"}
