"""Several datasets as one: features matched by name, statistics exact, every frame where it belongs, and refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from make_dataset import expected_level, make_dataset
from understudy.core.errors import ConfigError
from understudy.data.frame_device import bring_over, decode_onto
from understudy.data.frames import open_frames, plan_frames
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.mixture import join
from understudy.data.spec import DatasetSpec
from understudy.data.statistics import compute_statistics

FRONT = "observation.images.front"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two recordings of one robot in two formats, which share a task."""
    root = tmp_path_factory.mktemp("sets")
    one = make_dataset(root / "one", episodes=3, frames=[5, 12, 9], seed=1, tasks=("lift",))
    two = make_dataset(root / "two", version="v2.1", episodes=4, frames=8, seed=2, tasks=("stack", "lift"))
    return one, two


@pytest.fixture
def one(folders: tuple[Path, Path]) -> Dataset:
    return load_dataset(str(folders[0]))


@pytest.fixture
def two(folders: tuple[Path, Path]) -> Dataset:
    return load_dataset(str(folders[1]))


def with_names(dataset: Dataset, feature: str, names: tuple[str, ...]) -> Dataset:
    features = dataset.spec.features | {feature: replace(dataset.spec.features[feature], names=names)}
    return replace(dataset, spec=DatasetSpec(features, dataset.fps))


def test_rows_follow_one_another_and_episodes_are_numbered_on(one: Dataset, two: Dataset) -> None:
    both = join([one, two])
    assert [(e.index, e.start, e.length) for e in both.episodes] == [
        (0, 0, 5),
        (1, 5, 12),
        (2, 17, 9),
        (3, 26, 8),
        (4, 34, 8),
        (5, 42, 8),
        (6, 50, 8),
    ]
    np.testing.assert_array_equal(
        both.columns["action"], np.concatenate([one.columns["action"], two.columns["action"]])
    )
    assert both.episode_of_row[26:50:8].tolist() == [3, 4, 5]
    assert both.frame_index[26] == 0


def test_a_number_does_not_depend_on_which_episodes_are_loaded(folders: tuple[Path, Path]) -> None:
    some = join([load_dataset(str(folders[0]), episodes=[1]), load_dataset(str(folders[1]), episodes=[2])])
    assert [e.index for e in some.episodes] == [1, 3 + 2]


def test_equal_instructions_are_one_task(one: Dataset, two: Dataset) -> None:
    both = join([one, two])
    assert both.tasks == ["lift", "stack"]
    told = [both.tasks[i] for i in both.task_of_row[[0, 26, 34, 42, 50]]]
    assert told == ["lift", "stack", "lift", "stack", "lift"]


def test_statistics_are_those_of_all_frames_together(one: Dataset, two: Dataset, tmp_path: Path) -> None:
    both = join([one, two])
    frames = open_frames(both, plan_frames(both, tier="ram"))
    found = compute_statistics(both, [0, 2, 4], frames, tmp_path)
    rows = np.r_[0:5, 17:26, 34:42]
    action = both.columns["action"][rows].astype(np.float64)
    np.testing.assert_allclose(found["action"]["mean"], action.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found["action"]["std"], action.std(0), rtol=1e-12)
    np.testing.assert_allclose(found["action"]["q10"], np.quantile(action, 0.1, axis=0), rtol=1e-12)
    # every frame of so short episodes is sampled, as often each
    parts = [
        compute_statistics(d, e, open_frames(d, plan_frames(d, tier="ram"))) for d, e in ((one, [0, 2]), (two, [1]))
    ]
    counts = np.array([part[FRONT]["count"][0] for part in parts])
    mean = np.average([part[FRONT]["mean"] for part in parts], axis=0, weights=counts)
    np.testing.assert_allclose(found[FRONT]["mean"], mean, rtol=1e-9)
    assert found[FRONT]["count"] == counts.sum()


def test_own_statistics_are_joined_by_count(one: Dataset, two: Dataset) -> None:
    both, parts = join([one, two]).own_statistics(), [one.own_statistics(), two.own_statistics()]
    assert both is not None and all(part is not None for part in parts)
    counts = [part["action"]["count"][0] for part in parts if part]
    means = [part["action"]["mean"] for part in parts if part]
    np.testing.assert_allclose(both["action"]["mean"], np.average(means, axis=0, weights=counts))


@pytest.mark.parametrize("tier", ["disk", "ram", "decode"])
def test_every_frame_is_the_one_of_its_row(tier: str, one: Dataset, two: Dataset, tmp_path: Path) -> None:
    both = join([one, two])
    frames = open_frames(both, plan_frames(both, tier=tier, cache=tmp_path))
    rows = np.array([50, 0, 33, 17, 26, 25])
    own = [(3, 0), (0, 0), (0, 7), (2, 0), (0, 0), (2, 8)]
    levels = [frame.mean() for frame in frames.gather(FRONT, rows)]
    assert levels == pytest.approx([expected_level(episode, frame) for episode, frame in own], abs=3)
    assert both.read_frame(FRONT, 50).mean() == pytest.approx(levels[0], abs=1)
    frames.close()


def test_pictures_in_tables_are_read_of_the_right_dataset(two: Dataset, tmp_path: Path) -> None:
    pictures = load_dataset(str(make_dataset(tmp_path / "d", images_as="image", seed=5, tasks=("lift",))))
    both = join([two, pictures])
    read = [frame.mean() for frame in both.read_frames(FRONT, 4 + 2)]
    assert read == pytest.approx([expected_level(2, frame) for frame in range(20)], abs=3)


def test_what_was_decoded_of_one_alone_serves_the_mixture(one: Dataset, two: Dataset, tmp_path: Path) -> None:
    open_frames(one, plan_frames(one, tier="disk", cache=tmp_path)).close()
    plan = plan_frames(join([one, two]), tier="disk", cache=tmp_path)
    assert plan.frames_to_decode == two.num_rows


def test_a_feature_that_one_lacks_is_left_out_and_never_decoded(one: Dataset, tmp_path: Path) -> None:
    more = make_dataset(tmp_path / "d", cameras=("front", "wrist"), seed=4)
    both = join([one, load_dataset(str(more))])
    assert both.spec.cameras == [FRONT]
    assert all(part.dataset.spec.cameras == [FRONT] for part in both.parts)
    assert any("`observation.images.wrist` is left out" in line and "one" in line for line in both.warnings)


def test_numbers_are_matched_by_their_names(one: Dataset, two: Dataset) -> None:
    names = two.spec.features["action"].names
    turned = with_names(two, "action", (*names[1:], names[0]))
    both = join([one, turned])
    np.testing.assert_array_equal(both.columns["action"][26:, 1:], two.columns["action"][:, :-1])
    np.testing.assert_array_equal(both.columns["action"][26:, 0], two.columns["action"][:, -1])
    stored, before = both.own_statistics(), one.own_statistics()
    assert stored is not None and before is not None
    low = np.minimum(before["action"]["min"], np.roll((two.own_statistics() or {})["action"]["min"], 1))
    np.testing.assert_allclose(stored["action"]["min"], low)


def test_other_names_are_taken_in_order_and_told(one: Dataset, two: Dataset) -> None:
    both = join([one, with_names(two, "action", tuple(f"main_{i}" for i in range(6)))])
    np.testing.assert_array_equal(both.columns["action"][26:], two.columns["action"])
    assert any("taken in order" in line and "main_0 for joint_0.pos" in line for line in both.warnings)


def test_other_units_are_pointed_out(one: Dataset, two: Dataset) -> None:
    degrees = replace(two, columns={name: np.rad2deg(column) for name, column in two.columns.items()})
    lines = [line for line in join([one, degrees]).warnings if "same units" in line]
    assert len(lines) == 2 and "two as in" in lines[0]
    assert not [line for line in join([one, two]).warnings if "same units" in line]


def refused(datasets: list[Dataset], *words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        join(datasets)
    for word in words:
        assert word in str(caught.value)


def test_another_rate_is_refused(one: Dataset, tmp_path: Path) -> None:
    refused([one, load_dataset(str(make_dataset(tmp_path / "d", fps=10, seed=3)))], "30 Hz", "10 Hz")


def test_pictures_of_another_size_are_refused_with_both_sizes(one: Dataset, tmp_path: Path) -> None:
    refused([one, load_dataset(str(make_dataset(tmp_path / "d", size=(48, 64), seed=3)))], FRONT, "32x24", "64x48")


def test_another_robot_is_refused_with_its_joints(one: Dataset, tmp_path: Path) -> None:
    other = load_dataset(str(make_dataset(tmp_path / "d", state_dim=7, action_dim=7, seed=3)))
    refused([one, other], "6 numbers", "7 numbers", "joint_6.pos")


def test_datasets_without_a_common_observation_are_refused(one: Dataset, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", cameras=("side",), state_dim=0, seed=3)
    refused([one, load_dataset(str(folder))], "no observation in common", "observation.images.side", "rename_map")


def test_the_same_dataset_twice_is_refused(one: Dataset, folders: tuple[Path, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(folders[0], tmp_path / "copy")
    refused([one, load_dataset(str(copy))], "copy", "the same as")


def test_an_episode_that_is_in_both_is_refused_by_its_numbers(
    two: Dataset, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    extended = _with_more_text_in_meta(folders[1], tmp_path / "extended")
    refused([two, load_dataset(extended)], "4 episodes are in two", "exclude_episodes: [0, 1, 2, 3]")
    rest = load_dataset(extended, exclude_episodes=[0, 1, 2])
    refused([two, rest], "1 episodes are in two", "two 3 = ", "extended 3")


def _with_more_text_in_meta(folder: Path, copy: Path) -> str:
    """A copy with the same episodes and another fingerprint."""
    shutil.copytree(folder, copy)
    info: dict[str, Any] = json.loads((copy / "meta/info.json").read_text())
    (copy / "meta/info.json").write_text(json.dumps(info | {"robot_type": "another name"}))
    return str(copy)


@pytest.mark.parametrize("stored", [True, False])
def test_frames_on_a_device_are_those_of_their_rows_too(
    stored: bool, one: Dataset, two: Dataset, tmp_path: Path
) -> None:
    # the host's memory stands for the device's: only the copies differ
    both = join([one, two])
    if stored:
        kept = open_frames(both, plan_frames(both, tier="disk", cache=tmp_path))
        frames = bring_over(both, "asked for", "cpu", kept)
    else:
        frames = decode_onto(both, "asked for", "cpu", 1)
    levels = [frame.mean() for frame in frames.gather(FRONT, np.array([50, 0, 33]))]
    assert levels == pytest.approx([expected_level(3, 0), expected_level(0, 0), expected_level(0, 7)], abs=3)
