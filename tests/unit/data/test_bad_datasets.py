"""Damaged and uncertain datasets, each provoked on files: refused, with what is wrong, where, and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dataset_damage import edit_info, edit_lines, edit_rows, edit_table, episodes_table, only_data, set_value
from make_dataset import make_dataset
from understudy.core.errors import DataError
from understudy.data.lerobot import load_dataset

FRONT = "observation.images.front"


def refused(folder: Path, *said: str, **options: Any) -> DataError:
    """The error of loading `folder`, which has to hold every one of the words; no file may have changed."""
    before = contents(folder)
    with pytest.raises(DataError) as caught:
        load_dataset(str(folder), **options)
    assert caught.value.exit_code == 3
    for words in said:
        assert words in str(caught.value), f"{words!r} is not in:\n{caught.value}"
    assert contents(folder) == before
    return caught.value


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "does not exist", str(tmp_path / "nowhere"))


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    refused(tmp_path, "folder is empty", str(tmp_path))


def test_a_file_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="this is a file"):
        load_dataset(str(tmp_path / "set.zip"))


def test_a_folder_of_something_else_tells_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    refused(tmp_path, "no meta/info.json", "holiday.jpg")


def test_the_folder_above_a_dataset_points_to_it(tmp_path: Path) -> None:
    make_dataset(tmp_path / "inner", cameras=())
    refused(tmp_path, f"did you mean {tmp_path / 'inner'}")


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_recording_that_was_broken_off_is_called_empty(tmp_path: Path, version: str) -> None:
    folder = make_dataset(tmp_path / "d", version=version, cameras=())
    edit_info(folder, lambda info: info.update(total_episodes=0, total_frames=0))
    for name in ("data", "meta/episodes", "meta/episodes.jsonl"):
        shutil.rmtree(folder / name, ignore_errors=True) if (folder / name).is_dir() else (folder / name).unlink(True)
    refused(folder, "the dataset is empty")


def test_meta_alone_is_half_a_dataset(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    shutil.rmtree(folder / "data")
    refused(folder, "only half there", "data/chunk-000/file-000.parquet", "fetch the rest")


def test_a_missing_table_of_episodes_is_told(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    shutil.rmtree(folder / "meta/episodes")
    refused(folder, "the table of episodes is missing", "meta/episodes.jsonl")


@pytest.mark.parametrize("kind", ["data", "videos"])
def test_a_missing_file_of_one_episode_is_named_with_a_way_to_do_without(tmp_path: Path, kind: str) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", frames=4)
    path = next(folder.glob(f"{kind}/**/episode_000001.*"))
    path.unlink()
    refused(folder, "a file is missing", str(path), "--dataset.exclude_episodes='[1]'")
    assert len(load_dataset(str(folder), exclude_episodes=[1]).episodes) == 2


def test_a_missing_v3_file_counts_the_episodes_that_need_it(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", episodes=4, frames=4, episodes_per_file=2)
    (folder / f"videos/{FRONT}/chunk-000/file-001.mp4").unlink()
    refused(folder, "a file is missing", "file-001.mp4", "exclude_episodes='[2, 3]'")


def test_videos_that_were_never_copied_are_missed(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=4)
    shutil.rmtree(folder / "videos")
    refused(folder, "only half there", "file-000.mp4")


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty (0 bytes)"), (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull")]
)
@pytest.mark.parametrize("kind", ["parquet", "mp4"])
def test_placeholders_of_files_are_recognised(tmp_path: Path, kind: str, content: bytes, said: str) -> None:
    folder = make_dataset(tmp_path / "d", frames=4)
    path = next(path for path in folder.glob(f"**/*.{kind}") if "meta" not in path.parts)
    path.write_bytes(content)
    refused(folder, said, str(path))


# -- info.json --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codebase_version": "v1.6"}, ("version v1.6 cannot be read", "convert it to v2.1")),
        ({"codebase_version": "v4.0"}, ("version v4.0 cannot be read", "v2.0, v2.1 and v3.0")),
        ({"codebase_version": "new"}, ("unknown dataset version 'new'",)),
        ({"fps": None}, ("`fps` is missing",)),
        ({"fps": 0}, ("`fps` is 0", "above 0")),
        ({"fps": "30"}, ("`fps` is '30'",)),
        ({"chunks_size": -1}, ("`chunks_size` is -1",)),
        ({"features": {}}, ("declares no features",)),
        ({"features": {"action": {"shape": [6]}}}, ("`action` has no `dtype`",)),
        ({"features": {"action": {"dtype": "float32", "shape": [0]}}}, ("shape [0]",)),
        ({"data_path": "data/{episode}.parquet"}, ("cannot be filled in", "episode_index")),
        ({"data_path": "../../{episode_index}.parquet"}, ("leads out of the dataset's folder",)),
        ({"data_path": 7}, ("`data_path` is 7",)),
    ],
)
def test_info_without_a_certain_meaning_is_refused(
    tmp_path: Path, change: dict[str, Any], said: tuple[str, ...]
) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    edit_info(folder, lambda info: info.update(change))
    refused(folder, *said, "info.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'{"fps": 30,', "line 1"), (b"[]", "does not hold a JSON object"), (b"\xff\xfe", "cannot be read")],
)
def test_info_that_is_cut_off_or_something_else_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    (folder / "meta/info.json").write_bytes(content)
    refused(folder, said, "info.json")


def test_a_camera_of_unclear_shape_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=4)
    edit_info(folder, lambda info: info["features"][FRONT].update(shape=[24, 32, 7], info={}))
    refused(folder, "tells no height, width and channels", FRONT)


def test_a_state_that_is_no_vector_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    edit_info(folder, lambda info: info["features"]["observation.state"].update(shape=[2, 3]))
    refused(folder, "shape [2, 3]", "rename_map")


# -- frame tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0.5, 0.97])
@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_parquet_file_that_is_cut_off_is_named(tmp_path: Path, version: str, kept: float) -> None:
    folder = make_dataset(tmp_path / "d", version=version, cameras=())
    path = only_data(folder)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(folder, "cut off", "footer", str(path))


def test_a_parquet_file_with_damaged_pages_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=200)
    path = only_data(folder)
    content = bytearray(path.read_bytes())
    content[4:4000] = b"\x00" * 3996
    path.write_bytes(content)
    refused(folder, "damaged", str(path))


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    only_data(folder).write_bytes(b"<html>404</html>")
    refused(folder, "something else", str(only_data(folder)))


@pytest.mark.parametrize("column", ["action", "observation.state"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path, column: str) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    edit_table(only_data(folder), lambda t: t.drop_columns(column))
    refused(folder, f"`{column}` is missing", str(only_data(folder)), "the file has:")


def test_a_missing_column_of_pictures_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", images_as="image", frames=4)
    edit_table(only_data(folder), lambda t: t.drop_columns(FRONT))
    refused(folder, f"`{FRONT}` is missing", "images")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([0, 1, 2, 4, 5], "`frame_index` is 4 where 3 belongs"),
        ([0, 1, 1, 2, 3], "`frame_index` is 1 where 2 belongs"),
        ([0, 2, 1, 3, 4], "`frame_index` is 2 where 1 belongs"),
        ([1, 2, 3, 4, 5], "`frame_index` is 1 where 0 belongs"),
    ],
)
def test_frames_that_are_missing_doubled_or_shuffled_are_named(tmp_path: Path, changed: list[int], said: str) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=(), frames=5)
    path = folder / "data/chunk-000/episode_000001.parquet"
    wrong = next(i for i in range(5) if changed[i] != i)

    def renumber(rows: list[dict[str, Any]]) -> None:
        for row, number in zip(rows, changed, strict=True):
            row["frame_index"] = number

    edit_rows(path, renumber)
    refused(folder, said, f"{path}, row {wrong} (episode 1, frame {wrong})")


def test_a_gap_shows_in_index_when_frames_have_no_number(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)
    edit_table(only_data(folder), lambda t: t.drop_columns("frame_index"))
    edit_rows(only_data(folder), set_value("index", 7, 99))
    refused(folder, "`index` is 99 where 7 belongs", "row 7 (episode 1, frame 2)")


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_wrong_number_of_rows_is_told_for_its_episode(tmp_path: Path, version: str) -> None:
    folder = make_dataset(tmp_path / "d", version=version, cameras=(), frames=5)
    path = sorted(folder.glob("data/**/*.parquet"))[-1]
    edit_table(path, lambda t: t.slice(0, len(t) - 1))
    refused(folder, "episode 2 has 4 rows, the table of episodes says 5", str(path))
    assert load_dataset(str(folder), exclude_episodes=[2]).num_rows == 10


def test_a_file_that_holds_another_episode_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=(), frames=5)
    data = folder / "data/chunk-000"
    shutil.copy(data / "episode_000002.parquet", data / "episode_000001.parquet")
    refused(folder, "no row of episode 1", "episodes in it: 2", "episode_000001.parquet")


def test_rows_of_an_episode_that_lie_apart_are_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)
    edit_table(only_data(folder), lambda t: t.take([*range(3), *range(5, 15), 3, 4]))
    refused(folder, "rows of episode 0 do not lie together", "row 13")


def test_a_shared_file_without_episode_numbers_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)
    edit_table(only_data(folder), lambda t: t.drop_columns("episode_index"))
    refused(folder, "`episode_index`", "missing", str(only_data(folder)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("column", ["action", "observation.state"])
@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_numbers_that_are_not_finite_are_named_to_the_joint(
    tmp_path: Path, version: str, column: str, value: float
) -> None:
    folder = make_dataset(tmp_path / "d", version=version, cameras=(), frames=5)
    path = folder / "data/chunk-000/episode_000001.parquet" if version == "v2.1" else only_data(folder)
    row = 3 if version == "v2.1" else 8

    def spoil(rows: list[dict[str, Any]]) -> None:
        rows[row][column][4] = value

    edit_rows(path, spoil)
    refused(
        folder,
        f"`{column}` is {value} in dimension 4 (joint_4.pos)",
        f"{path}, row {row} (episode 1, frame 3)",
        "exclude_episodes='[1]'",
    )
    assert load_dataset(str(folder), exclude_episodes=[1]).num_rows == 10


def test_a_number_too_large_for_float32_is_not_finite(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)

    def enlarge(table: pa.Table) -> pa.Table:
        rows = table.column("action").to_pylist()
        rows[0][0] = 1e300
        return table.set_column(1, "action", pa.array(rows, pa.list_(pa.float64())))

    edit_table(only_data(folder), enlarge)
    refused(folder, "`action` is inf", "episode 0, frame 0")


def test_rows_of_another_width_are_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)

    def shorten(table: pa.Table) -> pa.Table:
        rows = table.column("action").to_pylist()
        rows[6] = rows[6][:5]
        return table.set_column(table.column_names.index("action"), "action", pa.array(rows, pa.list_(pa.float32())))

    edit_table(only_data(folder), shorten)
    refused(folder, "`action` has 5 numbers where info.json declares 6", "row 6")


def test_a_row_without_a_value_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)
    edit_rows(only_data(folder), set_value("action", 2, None))
    refused(folder, "`action` has no value", "row 2")


def test_text_where_numbers_belong_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), action_dim=1, frames=5)
    edit_table(only_data(folder), lambda t: t.set_column(1, "action", pa.array(["up"] * len(t))))
    refused(folder, "`action` is stored as string", str(only_data(folder)))


# -- tables of episodes and tasks -------------------------------------------------------------------------------------


def test_an_episode_listed_twice_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=())
    edit_lines(folder / "meta/episodes.jsonl", lambda rows: [*rows, rows[1]])
    refused(folder, "episode 1 is listed twice", "episodes.jsonl, row 3")


def test_a_v3_episode_listed_twice_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    edit_table(episodes_table(folder), lambda t: pa.concat_tables([t, t.slice(2, 1)]))
    refused(folder, "episode 2 is listed twice", "row 3")


@pytest.mark.parametrize("key", ["episode_index", "length"])
def test_a_row_of_the_table_without_index_or_length_is_named(tmp_path: Path, key: str) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=())
    edit_lines(folder / "meta/episodes.jsonl", lambda rows: [rows[0], rows[1] | {key: None}, rows[2]])
    refused(folder, f"`{key}` is None", "episodes.jsonl, row 1")


def test_a_table_of_episodes_that_is_cut_off_is_named(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=())
    path = folder / "meta/episodes.jsonl"
    path.write_text(path.read_text()[:-20])
    refused(folder, "not valid JSON", f"{path}, line 3")


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_an_empty_table_of_episodes_is_an_empty_dataset(tmp_path: Path, version: str) -> None:
    folder = make_dataset(tmp_path / "d", version=version, cameras=())
    if version == "v2.1":
        (folder / "meta/episodes.jsonl").write_text("")
    else:
        edit_table(episodes_table(folder), lambda t: t.slice(0, 0))
    refused(folder, "the dataset is empty")


def test_an_unknown_task_is_named_by_frame(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)
    edit_rows(only_data(folder), set_value("task_index", 8, 4))
    refused(folder, "task_index 4 is not in the tasks table", "row 8 (episode 1, frame 3)")


def test_two_tasks_with_one_number_are_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=())
    edit_lines(folder / "meta/tasks.jsonl", lambda rows: [*rows, {"task_index": 0, "task": "another"}])
    refused(folder, "task_index 0 is given to two tasks", "row 1")


# -- times and video spans --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tolerance_s", "fine"), [(1e-4, False), (0.2, False), (0.3, True)])
def test_an_explicit_tolerance_refuses_what_is_further_off(tmp_path: Path, tolerance_s: float, fine: bool) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=5)

    def jitter(rows: list[dict[str, Any]]) -> None:
        rows[8]["timestamp"] += 0.25

    edit_rows(only_data(folder), jitter)
    if fine:
        assert load_dataset(str(folder), tolerance_s=tolerance_s).warnings == []
    else:
        refused(
            folder, "up to 0.25 s", f"tolerance of {tolerance_s:g} s", "episode 1, frame 3", tolerance_s=tolerance_s
        )


def test_a_clip_that_is_not_as_long_as_its_episode_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)

    def stretch(rows: list[dict[str, Any]]) -> None:
        rows[1][f"videos/{FRONT}/to_timestamp"] += 2 / 30

    edit_rows(episodes_table(folder), stretch)
    refused(folder, "clip of episode 1 lasts 7.0 frames at 30 fps; it has 5 rows", "exclude_episodes='[1]'")


def test_a_clip_with_a_wrong_frame_rate_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)
    edit_info(folder, lambda info: info.update(fps=10))
    refused(folder, "clip of episode 0 lasts 1.7 frames at 10 fps")


def test_clips_that_overlap_are_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)

    def shift(rows: list[dict[str, Any]]) -> None:
        for end in ("from", "to"):
            rows[2][f"videos/{FRONT}/{end}_timestamp"] -= 2 / 30

    edit_rows(episodes_table(folder), shift)
    refused(folder, "clip of episode 2 begins before the one before it", "from_timestamp 0.266667")


def test_a_clip_without_a_place_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)
    edit_rows(episodes_table(folder), set_value(f"videos/{FRONT}/from_timestamp", 1, None))
    refused(folder, "does not say where the frames of episode 1 are")


def test_a_shared_video_without_times_is_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)
    times = [f"videos/{FRONT}/from_timestamp", f"videos/{FRONT}/to_timestamp"]
    edit_table(episodes_table(folder), lambda t: t.drop_columns(times))
    refused(folder, "does not say where the frames of episode 0 are", "from_timestamp")


def test_v2_episodes_that_share_a_video_are_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", frames=5)
    edit_info(folder, lambda info: info.update(video_path="videos/chunk-000/{video_key}/episode_000000.mp4"))
    refused(folder, "episodes 0 and 1 share a video", "episode_000000.mp4")


# -- pictures in the table --------------------------------------------------------------------------------------------


def first_error(folder: Path, position: int) -> str:
    dataset = load_dataset(str(folder))
    with pytest.raises(DataError) as caught:
        list(dataset.read_frames(FRONT, position))
    return str(caught.value)


def test_a_picture_that_is_cut_off_is_named_by_frame(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", images_as="image", frames=5)

    def cut(rows: list[dict[str, Any]]) -> None:
        rows[7][FRONT]["bytes"] = rows[7][FRONT]["bytes"][:40]

    edit_rows(only_data(folder), cut)
    assert "row 7, column observation.images.front (episode 1, frame 2)" in first_error(folder, 1)


def test_a_picture_of_another_size_is_named_by_frame(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", images_as="image", frames=5)
    other = make_dataset(tmp_path / "o", images_as="image", frames=5, size=(16, 16))
    from pyarrow.parquet import read_table

    strange = read_table(only_data(other)).column(FRONT)[0].as_py()
    edit_rows(only_data(folder), set_value(FRONT, 7, strange))
    error = first_error(folder, 1)
    assert "16x16, info.json says 32x24" in error
    assert "episode 1, frame 2" in error


def test_a_picture_without_bytes_is_named_by_frame(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", images_as="image", frames=5)
    edit_rows(only_data(folder), set_value(FRONT, 7, {"bytes": None, "path": "frame-000002.png"}))
    error = first_error(folder, 1)
    assert "a picture has no bytes" in error
    assert "episode 1, frame 2" in error


def test_stored_statistics_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    path = folder / "meta/stats.json"
    stats = json.loads(path.read_text())
    stats["action"]["mean"] = np.zeros(7).tolist()
    path.write_text(json.dumps(stats))
    with pytest.raises(DataError, match=r"`mean` of `action` has the shape \(7,\), not \(6,\)"):
        load_dataset(str(folder)).own_statistics()
