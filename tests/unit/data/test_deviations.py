"""Deviations from the format whose meaning is certain: read, with a line in `warnings` where a user should know."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_damage import edit_info, edit_lines, edit_rows, edit_table, episodes_table, only_data
from make_dataset import expected_level, make_dataset
from understudy.data.lerobot import Dataset, load_dataset

FRONT = "observation.images.front"


def check_read(folder: Path, like: Path, *, warning: str | None) -> Dataset:
    """`folder` gives the columns and frames of `like`, with one warning (or none) that holds the words."""
    dataset, reference = load_dataset(str(folder)), load_dataset(str(like))
    for name in ("observation.state", "action"):
        np.testing.assert_array_equal(dataset.columns[name], reference.columns[name])
    for position, episode in enumerate(dataset.episodes):
        for camera in dataset.spec.cameras:
            first = next(iter(dataset.read_frames(camera, position)))
            assert abs(int(first[0, 0, 0]) - expected_level(episode.index, 0)) <= 3
    if warning is None:
        assert dataset.warnings == []
    else:
        assert any(warning in line for line in dataset.warnings), dataset.warnings
    return dataset


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Two equal datasets: one to change, one to compare with."""

    def make(**options: Any) -> tuple[Path, Path]:
        options = {"frames": 5} | options
        folder = make_dataset(tmp_path / "changed", **options)
        shutil.copytree(folder, tmp_path / "whole")
        return folder, tmp_path / "whole"

    return make


Pair = Callable[..., tuple[Path, Path]]


@pytest.mark.parametrize(
    ("made", "label", "version"),
    [("v2.1", "v3.0", "v2.1"), ("v2.0", "v3.0", "v2.0"), ("v3.0", "v2.1", "v3.0"), ("v2.1", None, "v2.1")],
)
def test_the_files_decide_when_the_label_lies(pair: Pair, made: str, label: str | None, version: str) -> None:
    folder, whole = pair(version=made)
    edit_info(folder, lambda info: info.update(codebase_version=label))
    dataset = check_read(folder, whole, warning=f"laid out as {version}")
    assert dataset.version == version


def test_a_newer_minor_version_is_read_as_the_known_one(pair: Pair) -> None:
    folder, whole = pair()
    edit_info(folder, lambda info: info.update(codebase_version="v3.1"))
    check_read(folder, whole, warning="version v3.1 is newer")


def test_only_features_and_fps_are_needed_in_info(pair: Pair) -> None:
    folder, whole = pair()
    kept = ("features", "fps", "codebase_version")
    edit_info(folder, lambda info: [info.pop(key) for key in list(info) if key not in kept])
    check_read(folder, whole, warning=None)


def test_unknown_keys_a_float_fps_and_odd_splits_do_not_matter(pair: Pair) -> None:
    folder, whole = pair(version="v2.1")
    odd = {
        "fps": 30.0,
        "total_chunks": 0,
        "total_videos": 0,
        "splits": {"train": "0:99", "val": "1:2"},
        "robot_type": None,
    }
    edit_info(folder, lambda info: info.update(odd, discarded_episode_indices=[3]))
    check_read(folder, whole, warning=None)


def test_wrong_totals_are_reported(pair: Pair) -> None:
    folder, whole = pair()
    edit_info(folder, lambda info: info.update(total_episodes=9, total_frames=1000))
    dataset = check_read(folder, whole, warning="total_episodes 9, the table of episodes has 3")
    assert any("total_frames 1000" in line for line in dataset.warnings)


def test_templates_that_do_not_fit_are_overruled_by_file_names(pair: Pair) -> None:
    folder, whole = pair(version="v2.0")
    edit_info(
        folder,
        lambda info: info.update(
            data_path="data/chunk-{episode_index:03d}/episode_{episode_index:06d}.parquet",
            video_path="videos/chunk-{episode_index:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        ),
    )
    check_read(folder, whole, warning="path templates in info.json do not fit")


def test_templates_of_their_own_are_followed(pair: Pair) -> None:
    folder, whole = pair(version="v2.1")
    for episode in range(3):
        (folder / f"data/chunk-000/episode_{episode:06d}.parquet").rename(folder / f"data/train-{episode:05d}.parquet")
    edit_info(folder, lambda info: info.update(data_path="data/train-{episode_index:05d}.parquet"))
    check_read(folder, whole, warning=None)


def test_v3_data_files_of_any_name_are_found_by_their_content(pair: Pair) -> None:
    folder, whole = pair(episodes_per_file=2)
    for number, path in enumerate(sorted(folder.glob("data/**/*.parquet"))):
        path.rename(path.with_name(f"train-{number:05d}-of-00002.parquet"))
    check_read(folder, whole, warning="found by file name")


def test_a_v3_table_of_episodes_with_one_video_per_episode_is_read(pair: Pair) -> None:
    folder, whole = pair(episodes_per_file=1)
    table = episodes_table(folder)
    edit_table(table, lambda t: t.select([n for n in t.column_names if not n.startswith("videos/")]))
    for episode in range(3):
        path = folder / f"videos/{FRONT}/chunk-000/file-{episode:03d}.mp4"
        path.rename(path.with_name(f"episode_{episode:06d}.mp4"))
    template = "videos/{video_key}/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.mp4"
    edit_info(folder, lambda info: info.update(video_path=template))
    check_read(folder, whole, warning=None)


def test_a_camera_without_files_is_left_out(pair: Pair) -> None:
    folder, whole = pair()
    ghost = {"dtype": "video", "shape": [800, 1280, 3], "names": ["height", "width", "channel"]}
    edit_info(folder, lambda info: info["features"].update({"observation.images.ghost": ghost}))
    dataset = check_read(folder, whole, warning="`observation.images.ghost` is declared but has no files")
    assert dataset.spec.cameras == [FRONT]


@pytest.mark.parametrize("facts", ["info", "video_info"])
@pytest.mark.parametrize("key", ["is_depth_map", "video.is_depth_map"])
def test_depth_cameras_are_left_out(pair: Pair, facts: str, key: str) -> None:
    folder, whole = pair(cameras=("front", "depth"))
    edit_info(folder, lambda info: info["features"]["observation.images.depth"].pop("info"))
    edit_info(folder, lambda info: info["features"]["observation.images.depth"].update({facts: {key: True}}))
    dataset = check_read(folder, whole, warning="`observation.images.depth` is a depth camera")
    assert dataset.spec.cameras == [FRONT]


def test_the_table_of_episodes_may_be_in_any_order(pair: Pair) -> None:
    folder, whole = pair(frames=[4, 6, 5])
    edit_table(episodes_table(folder), lambda t: t.take([2, 0, 1]))
    dataset = check_read(folder, whole, warning="not in order of episode_index")
    assert [e.videos[FRONT].first_frame for e in dataset.episodes] == [0, 4, 10]


def test_an_episode_cut_out_of_a_dataset_leaves_the_others_right(pair: Pair) -> None:
    folder, _ = pair(frames=[4, 6, 5])
    edit_table(episodes_table(folder), lambda t: t.take([0, 2]))
    dataset = load_dataset(str(folder))
    assert [(e.index, e.videos[FRONT].first_frame) for e in dataset.episodes] == [(0, 0), (2, 10)]
    first = next(iter(dataset.read_frames(FRONT, 1)))
    assert abs(int(first[0, 0, 0]) - expected_level(2, 0)) <= 3
    assert any("1 below 2 are not listed, the first is 1" in line for line in dataset.warnings)


def test_an_episode_without_a_frame_is_left_out(pair: Pair) -> None:
    folder, whole = pair(version="v2.1")
    edit_lines(folder / "meta/episodes.jsonl", lambda rows: [*rows, {"episode_index": 3, "tasks": [], "length": 0}])
    check_read(folder, whole, warning="episode 3 without a single frame")


def test_times_that_drift_are_counted_in_frames(pair: Pair) -> None:
    folder, whole = pair(frames=[4, 6, 5])

    def drift(rows: list[dict[str, Any]]) -> None:
        for row, shift in zip(rows, (0.0, 0.4, 0.8), strict=True):  # frames
            row[f"videos/{FRONT}/from_timestamp"] += shift / 30
            row[f"videos/{FRONT}/to_timestamp"] += (shift + 0.4) / 30

    edit_rows(episodes_table(folder), drift)
    dataset = check_read(folder, whole, warning="drift by up to 0.8 frames")
    assert [e.videos[FRONT].first_frame for e in dataset.episodes] == [0, 4, 10]


@pytest.mark.parametrize("kind", ["float64", "variable lists", "one-element lists", "other order", "extra column"])
def test_the_way_columns_are_stored_does_not_matter(pair: Pair, kind: str) -> None:
    folder, whole = pair()

    def changed(table: pa.Table) -> pa.Table:
        if kind == "float64":
            column = table.column("action").cast(pa.list_(pa.float64(), 6))
            return table.set_column(table.column_names.index("action"), "action", column)
        if kind == "variable lists":
            column = table.column("action").cast(pa.list_(pa.float32()))
            return table.set_column(table.column_names.index("action"), "action", column)
        if kind == "one-element lists":
            values = pa.array([[value] for value in table.column("timestamp").to_pylist()], pa.list_(pa.float32()))
            return table.set_column(table.column_names.index("timestamp"), "timestamp", values)
        if kind == "other order":
            return table.select(table.column_names[::-1])
        return table.append_column("note", pa.array(["x"] * len(table)))

    edit_table(only_data(folder), changed)
    check_read(folder, whole, warning=None)


def test_rewards_and_annotations_are_columns_but_not_offered(pair: Pair) -> None:
    folder, whole = pair(version="v2.1", episodes=1)
    extra = {"next.reward": "float32", "next.done": "bool", "subtask": "int32"}
    edit_info(folder, lambda info: info["features"].update({n: {"dtype": d, "shape": [1]} for n, d in extra.items()}))

    def with_extras(table: pa.Table) -> pa.Table:
        table = table.append_column("next.reward", pa.array([0.5] * len(table), pa.float32()))
        table = table.append_column("next.done", pa.array([False] * (len(table) - 1) + [True]))
        return table.append_column("subtask", pa.array([3] * len(table), pa.int32()))

    edit_table(only_data(folder), with_extras)
    dataset = check_read(folder, whole, warning=None)
    assert dataset.columns["next.reward"].tolist() == [[0.5]] * 5
    assert dataset.columns["next.done"][:, 0].tolist() == [0, 0, 0, 0, 1]
    assert dataset.columns["subtask"][0, 0] == 3
    assert not set(extra) & set(dataset.spec.features)


def test_a_declared_column_that_no_policy_needs_may_be_missing(pair: Pair) -> None:
    folder, whole = pair()
    edit_info(folder, lambda info: info["features"].update({"next.reward": {"dtype": "float32", "shape": [1]}}))
    check_read(folder, whole, warning="`next.reward` is declared but not stored")


def test_without_frame_numbers_rows_count(pair: Pair) -> None:
    folder, whole = pair()
    edit_table(only_data(folder), lambda t: t.drop_columns("frame_index"))
    check_read(folder, whole, warning="no column frame_index")


@pytest.mark.parametrize("column", ["__index_level_0__", "task", "instruction"])
def test_tasks_are_found_under_each_name_and_in_any_order(tmp_path: Path, column: str) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), tasks=("pick", "place", "push"))
    pq.write_table(
        pa.table({"task_index": [2, 0, 1], column: ["push", "pick", "place"]}), folder / "meta/tasks.parquet"
    )
    dataset = load_dataset(str(folder))
    assert [e.tasks for e in dataset.episodes] == [("pick",), ("place",), ("push",)]
    assert dataset.warnings == []


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_without_a_table_of_tasks_those_of_the_episodes_count(tmp_path: Path, version: str) -> None:
    folder = make_dataset(tmp_path / "d", version=version, cameras=(), tasks=("pick", "place"))
    next(folder.glob("meta/tasks.*")).unlink()
    dataset = load_dataset(str(folder))
    assert [e.tasks for e in dataset.episodes] == [("pick",), ("place",), ("pick",)]
    assert any("no table of tasks" in line for line in dataset.warnings)


def test_timestamps_off_the_grid_are_reported_with_episode_and_frame(pair: Pair) -> None:
    folder, whole = pair(version="v2.1")

    def jitter(rows: list[dict[str, Any]]) -> None:
        rows[3]["timestamp"] += 0.25

    edit_rows(folder / "data/chunk-000/episode_000001.parquet", jitter)
    check_read(folder, whole, warning="up to 0.25 s (episode 1, frame 3;")


def test_files_of_other_tools_and_systems_are_ignored(pair: Pair) -> None:
    folder, whole = pair()
    before = load_dataset(str(folder)).fingerprint
    for name in ("data/chunk-000/._file-000.parquet", ".cache/huggingface/x.parquet", "images/x/frame-000000.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"junk")
    (folder / "sarm_progress.parquet").write_bytes(b"junk")
    dataset = check_read(folder, whole, warning=None)
    assert dataset.fingerprint == before


def test_info_with_pictures_that_v21_says_are_no_videos(pair: Pair) -> None:
    folder, whole = pair(version="v2.1", images_as="image")
    edit_info(folder, lambda info: info.update(video_path="videos/chunk-{episode_chunk:03d}/{video_key}/x.mp4"))
    assert json.loads((folder / "meta/info.json").read_text())["total_videos"] == 0
    check_read(folder, whole, warning=None)
