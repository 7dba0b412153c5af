"""What load_dataset gives, for every version and storage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from make_dataset import expected_level, make_dataset
from understudy.core.errors import ConfigError
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.spec import FeatureType

FRONT = "observation.images.front"


def load(folder: Path, **options: object) -> Dataset:
    return load_dataset(str(folder), **options)  # type: ignore[arg-type]


def assert_right_frames(dataset: Dataset, camera: str, number: int = 0) -> None:
    """Every frame shows the grey of its own episode and frame."""
    for position, episode in enumerate(dataset.episodes):
        frames = list(dataset.read_frames(camera, position))
        assert len(frames) == episode.length
        for frame, picture in enumerate(frames):
            level = expected_level(episode.index, frame, number)
            assert np.abs(picture.astype(int) - level).max() <= 3, (episode.index, frame)


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_every_version_gives_the_same_columns_and_no_warning(tmp_path: Path, version: str) -> None:
    options = {"episodes": 3, "frames": [5, 7, 6], "tasks": ("pick", "place")}
    dataset = load(make_dataset(tmp_path / "d", version=version, **options))
    reference = load(make_dataset(tmp_path / "r", version="v3.0", **options))
    assert dataset.version == version
    assert dataset.warnings == []
    assert dataset.num_rows == 18
    assert dataset.fps == 30.0
    assert set(dataset.columns) == {"observation.state", "action", "timestamp"}
    for name, values in dataset.columns.items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, reference.columns[name])
    np.testing.assert_array_equal(dataset.episode_of_row, np.repeat([0, 1, 2], [5, 7, 6]))
    np.testing.assert_array_equal(dataset.frame_index, [*range(5), *range(7), *range(6)])
    assert [(e.index, e.start, e.length) for e in dataset.episodes] == [(0, 0, 5), (1, 5, 7), (2, 12, 6)]
    assert [e.tasks for e in dataset.episodes] == [("pick",), ("place",), ("pick",)]
    assert [dataset.tasks[t] for t in dataset.task_of_row[[0, 5, 12]]] == ["pick", "place", "pick"]


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize("images_as", ["video", "image"])
def test_frames_are_those_of_their_episode(tmp_path: Path, version: str, images_as: str) -> None:
    folder = make_dataset(
        tmp_path / "d", version=version, images_as=images_as, frames=[4, 6, 5], cameras=("front", "wrist")
    )
    dataset = load(folder)
    assert dataset.spec.cameras == [FRONT, "observation.images.wrist"]
    assert_right_frames(dataset, FRONT, 0)
    assert_right_frames(dataset, "observation.images.wrist", 1)


@pytest.mark.parametrize("images_as", ["video", "image"])
def test_single_frames_can_be_read_at_random(tmp_path: Path, images_as: str) -> None:
    dataset = load(make_dataset(tmp_path / "d", images_as=images_as, frames=[4, 6, 5]), episodes=[1, 2])
    for row, episode, frame in [(9, 2, 3), (0, 1, 0), (5, 1, 5)]:
        picture = dataset.read_frame(FRONT, row)
        assert picture.shape == (24, 32, 3)
        assert picture.dtype == np.uint8
        assert np.abs(picture.astype(int) - expected_level(episode, frame)).max() <= 3


@pytest.mark.parametrize("images_as", ["video", "image"])
def test_v3_episodes_are_found_in_several_files_and_chunks(tmp_path: Path, images_as: str) -> None:
    folder = make_dataset(
        tmp_path / "d", episodes=5, frames=[3, 4, 5, 6, 2], episodes_per_file=2, chunks_size=2, images_as=images_as
    )
    dataset = load(folder)
    assert dataset.num_rows == 20
    assert_right_frames(dataset, FRONT)
    if images_as == "video":
        spans = [e.videos[FRONT] for e in dataset.episodes]
        assert [span.first_frame for span in spans] == [0, 3, 0, 5, 0]
        assert spans[4].path == folder / f"videos/{FRONT}/chunk-001/file-000.mp4"


def test_v2_chunk_folders_are_followed(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", episodes=5, frames=3, chunks_size=2)
    assert (folder / "data/chunk-002/episode_000004.parquet").exists()
    dataset = load(folder)
    assert len(dataset.episodes) == 5
    assert_right_frames(dataset, FRONT)


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"episodes": [3, 1]}, [1, 3]),
        ({"exclude_episodes": [0, 4]}, [1, 2, 3]),
        ({"episodes": [1, 2], "exclude_episodes": [1]}, [2]),
    ],
)
def test_a_choice_of_episodes_loads_their_rows_alone(
    tmp_path: Path, version: str, options: dict[str, list[int]], kept: list[int]
) -> None:
    folder = make_dataset(tmp_path / "d", version=version, episodes=5, frames=[3, 4, 5, 6, 2])
    whole, part = load(folder), load(folder, **options)
    assert [e.index for e in part.episodes] == kept
    rows = np.isin(whole.episode_of_row, kept)
    np.testing.assert_array_equal(part.columns["action"], whole.columns["action"][rows])
    assert_right_frames(part, FRONT)


@pytest.mark.parametrize("flag", ["episodes", "exclude_episodes"])
def test_an_episode_that_is_not_there_is_refused(tmp_path: Path, flag: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(make_dataset(tmp_path / "d", cameras=()), **{flag: [1, 7]})
    assert "no episode 7" in caught.value.what
    assert caught.value.where == f"--dataset.{flag}"
    assert "numbered 0 to 2" in str(caught.value.hint)


def test_excluding_every_episode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no episode is left"):
        load(make_dataset(tmp_path / "d", cameras=()), exclude_episodes=[0, 1, 2])


def test_a_policy_is_offered_cameras_state_and_action(tmp_path: Path) -> None:
    spec = load(make_dataset(tmp_path / "d", state_dim=3, action_dim=2)).spec
    assert [(f.name, f.type, f.shape) for f in spec.features.values()] == [
        ("observation.state", FeatureType.STATE, (3,)),
        ("action", FeatureType.ACTION, (2,)),
        (FRONT, FeatureType.VISUAL, (3, 24, 32)),
    ]
    assert spec.action.names == ("joint_0.pos", "joint_1.pos")


def test_a_dataset_without_cameras_or_state_loads(tmp_path: Path) -> None:
    dataset = load(make_dataset(tmp_path / "d", cameras=(), state_dim=0))
    assert list(dataset.spec.features) == ["action"]
    assert dataset.episodes[0].videos == {}


@pytest.mark.parametrize("images_as", ["video", "image"])
def test_renamed_features_have_their_new_name_everywhere(tmp_path: Path, images_as: str) -> None:
    folder = make_dataset(tmp_path / "d", images_as=images_as, frames=4)
    names = {FRONT: "observation.images.top", "observation.state": "observation.environment_state"}
    dataset = load(folder, rename_map=names)
    assert dataset.spec.cameras == ["observation.images.top"]
    assert dataset.spec.features["observation.environment_state"].type is FeatureType.ENV
    np.testing.assert_array_equal(
        dataset.columns["observation.environment_state"], load(folder).columns["observation.state"]
    )
    assert_right_frames(dataset, "observation.images.top")
    assert dataset.declared_name("observation.images.top") == FRONT
    statistics = dataset.own_statistics()
    assert statistics is not None
    assert {"observation.images.top", "observation.environment_state"} <= set(statistics)
    assert FRONT not in statistics


def test_renaming_what_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    with pytest.raises(ConfigError, match=r"did you mean `observation\.state`"):
        load(folder, rename_map={"observation.stat": "x"})
    with pytest.raises(ConfigError, match="two features"):
        load(folder, rename_map={"observation.state": "action"})


def test_a_rename_gives_a_dataset_of_other_conventions_an_action(tmp_path: Path) -> None:
    from dataset_damage import edit_info, edit_table, only_data

    folder = make_dataset(tmp_path / "d", cameras=())
    edit_table(only_data(folder), lambda t: t.rename_columns([{"action": "actions"}.get(n, n) for n in t.column_names]))
    edit_info(folder, lambda info: info["features"].update(actions=info["features"].pop("action")))
    foreign = load(folder)
    assert "action" not in foreign.spec.features
    assert any("""--rename_map='{"actions": "action"}'""" in line for line in foreign.warnings)
    renamed = load(folder, rename_map={"actions": "action"})
    assert renamed.spec.action.shape == (6,)
    assert renamed.warnings == []


# -- real recordings --------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_gr1_with_all_its_quirks_loads(shared: Path) -> None:
    dataset = load(shared / "gr1_pick_n_place_v20")
    assert dataset.version == "v2.0"
    assert [e.length for e in dataset.episodes] == [416, 470, 470, 412, 328]
    assert dataset.spec.cameras == ["observation.images.ego_view"]
    assert dataset.columns["observation.state"].shape == (2096, 44)
    assert dataset.episodes[1].tasks == ("pick the sweet potato from the counter and place it in the plate",)
    assert set(dataset.task_of_row.tolist()) == {0, 2, 3, 4, 5}
    warnings = "\n".join(dataset.warnings)
    for deviation in ("`observation.images.egoview` is declared but has no files", "path templates", "frame_index"):
        assert deviation in warnings
    assert "task 'valid'" in warnings


@pytest.mark.shared
def test_cr5_v21_and_v30_hold_the_same_rows(shared: Path) -> None:
    old = load(shared / "cr5_banana_v21", episodes=range(6))
    new = load(shared / "cr5_banana_v30")
    assert [e.length for e in old.episodes] == [e.length for e in new.episodes] == [197, 215, 275, 209, 237, 199]
    assert set(old.columns) == set(new.columns)
    for name in old.columns:
        np.testing.assert_array_equal(old.columns[name], new.columns[name])
    np.testing.assert_array_equal(old.task_of_row, new.task_of_row)
    assert [e.videos["observation.images.top"].first_frame for e in new.episodes] == [0, 197, 412, 687, 896, 1133]


@pytest.mark.shared
def test_jittered_timestamps_are_reported_with_the_worst(shared: Path) -> None:
    for name in ("cr5_banana_v21", "cr5_banana_v30"):
        (warning,) = load(shared / name).warnings
        assert "up to 2.17 s (episode 2, frame 269" in warning
        assert "found by their number" in warning


@pytest.mark.shared
def test_g1_loads_without_a_warning_and_keeps_nested_names(shared: Path) -> None:
    dataset = load(shared / "g1_inspire_bottle_v21")
    assert dataset.warnings == []
    assert dataset.num_rows == 2173
    assert dataset.spec.action.names[0] == "kLeftShoulderPitch"
    assert len(set(dataset.spec.action.names)) == 26
