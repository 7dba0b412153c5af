"""Windows against a reference that cuts them one at a time, as the specification words it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from understudy.core.errors import DataError
from understudy.data.frames import ArrayFrames, open_frames, plan_frames
from understudy.data.lerobot import load_dataset
from understudy.data.spec import DatasetSpec, FeatureSpec, FeatureType
from understudy.data.windows import Windows

CAMERA = "observation.images.front"
H, W = 4, 6


def recorded(lengths: list[int], tasks: int = 2, seed: int = 0) -> Any:
    """A loaded dataset of random numbers with the given episode lengths."""
    rng = np.random.default_rng(seed)
    rows = sum(lengths)
    starts = np.cumsum([0, *lengths[:-1]])
    features = [
        FeatureSpec("observation.state", FeatureType.STATE, (3,)),
        FeatureSpec("observation.environment_state", FeatureType.ENV, (2,)),
        FeatureSpec(CAMERA, FeatureType.VISUAL, (3, H, W)),
        FeatureSpec("action", FeatureType.ACTION, (5,)),
    ]
    columns = {f.name: rng.normal(size=(rows, f.shape[0])).astype(np.float32) for f in features if f.name != CAMERA}
    return SimpleNamespace(
        spec=DatasetSpec({f.name: f for f in features}, fps=10.0),
        columns=columns | {"next.reward": np.zeros((rows, 1), np.float32)},
        episodes=[SimpleNamespace(index=7 + i, start=int(starts[i]), length=n) for i, n in enumerate(lengths)],
        episode_of_row=np.repeat(np.arange(len(lengths)), lengths),
        tasks=[f"task {i}" for i in range(tasks)],
        task_of_row=rng.integers(0, tasks, rows),
        num_rows=rows,
        root=Path("somewhere"),
    )


def pictures(dataset: Any) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (dataset.num_rows, H, W, 3), dtype=np.uint8)


def one_window(dataset: Any, row: int, offsets: list[int]) -> tuple[list[np.ndarray], list[bool]]:
    """Actions and padding flags of one window, written out as section 9 of the format's specification says."""
    episode = dataset.episodes[dataset.episode_of_row[row]]
    a, b = episode.start, episode.start + episode.length
    actions, pads = [], []
    for offset in offsets:
        queried = min(max(row + offset, a), b - 1)
        actions.append(dataset.columns["action"][queried])
        pads.append(row + offset < a or row + offset >= b)
    return actions, pads


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    offsets=st.lists(st.integers(-15, 15), min_size=1, max_size=20),
    data=st.data(),
)
def test_a_batch_is_what_cutting_windows_one_by_one_gives(
    lengths: list[int], offsets: list[int], data: st.DataObject
) -> None:
    dataset = recorded(lengths)
    frames = pictures(dataset)
    rows = data.draw(st.lists(st.integers(0, dataset.num_rows - 1), min_size=1, max_size=9))
    windows = Windows(
        dataset, ArrayFrames("ram", "", {CAMERA: frames}), action_offsets=offsets, cameras=dataset.spec.cameras
    )
    batch = windows.gather(np.array(rows))
    assert len(batch) == len(rows) and batch.rows is not None and batch.rows.tolist() == rows
    for i, row in enumerate(rows):
        actions, pads = one_window(dataset, row, offsets)
        np.testing.assert_array_equal(batch.action[i].numpy(), np.stack(actions))
        assert batch.action_is_pad[i].tolist() == pads
        np.testing.assert_array_equal(batch.observation[CAMERA][i].permute(1, 2, 0).numpy(), frames[row])
        for name in ("observation.state", "observation.environment_state"):
            np.testing.assert_array_equal(batch.observation[name][i].numpy(), dataset.columns[name][row])
        assert batch.task[i] == dataset.tasks[dataset.task_of_row[row]]


def test_types_and_shapes_are_those_of_a_batch() -> None:
    dataset = recorded([6, 9])
    windows = Windows(
        dataset, ArrayFrames("ram", "", {CAMERA: pictures(dataset)}), action_offsets=range(4), cameras=[CAMERA]
    )
    batch = windows.gather(np.array([0, 5, 14]))
    assert batch.action.dtype == torch.float32 and batch.action.shape == (3, 4, 5)
    assert batch.action_is_pad.dtype == torch.bool and batch.action_is_pad.shape == (3, 4)
    assert set(batch.observation) == {"observation.state", "observation.environment_state", CAMERA}
    assert batch.observation["observation.state"].dtype == torch.float32
    image = batch.observation[CAMERA]
    assert image.dtype == torch.uint8 and image.shape == (3, 3, H, W)
    assert image.is_contiguous(memory_format=torch.channels_last)


def test_a_batch_is_a_copy_of_its_own() -> None:
    dataset = recorded([8])
    frames = pictures(dataset)
    windows = Windows(dataset, ArrayFrames("ram", "", {CAMERA: frames}), action_offsets=[0], cameras=[CAMERA])
    before = frames.copy(), dataset.columns["action"].copy(), dataset.columns["observation.state"].copy()
    batch = windows.gather(np.array([2]))
    for tensor in (batch.observation[CAMERA], batch.action, batch.observation["observation.state"]):
        tensor.zero_()
    np.testing.assert_array_equal(frames, before[0])
    np.testing.assert_array_equal(dataset.columns["action"], before[1])
    np.testing.assert_array_equal(dataset.columns["observation.state"], before[2])


def test_processes_that_share_a_batch_know_how_many_actions_it_has_for_each() -> None:
    windows = Windows(recorded([8, 5]), None, action_offsets=range(-1, 4), cameras=[])
    whole = np.array([0, 7, 12, 3])
    inside = (~windows.gather(whole).action_is_pad).sum()
    for rows in (whole[:2], whole[2:]):
        batch = windows.gather(rows, shared=whole)
        assert batch.valid_steps is not None
        assert batch.to("cpu").valid_steps == inside / 2
    assert windows.gather(whole).valid_steps is None


def test_cameras_that_were_not_asked_for_are_left_out() -> None:
    dataset = recorded([8])
    batch = Windows(dataset, None, action_offsets=[0], cameras=[]).gather(np.array([1, 2]))
    assert CAMERA not in batch.observation


def test_a_dataset_without_actions_is_refused() -> None:
    dataset = recorded([8])
    del dataset.columns["action"]
    with pytest.raises(DataError, match="no `action`") as caught:
        Windows(dataset, None, action_offsets=[0], cameras=[])
    assert "somewhere" in str(caught.value)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "episodes"), [("cr5_banana_v30", [0, 3]), ("gr1_pick_n_place_v20", [4]), ("g1_inspire_bottle_v21", [0])]
)
def test_windows_of_real_recordings_are_those_cut_one_by_one(name: str, episodes: list[int], shared: Path) -> None:
    dataset = load_dataset(str(shared / name), episodes=episodes)
    offsets = list(range(100))
    (camera,) = dataset.spec.cameras
    frames = open_frames(dataset, plan_frames(dataset, tier="decode"))
    rows = np.array([0, dataset.num_rows - 1, dataset.num_rows // 2, dataset.episodes[0].length - 1, 17])
    batch = Windows(dataset, frames, action_offsets=offsets, cameras=[camera]).gather(rows)
    for i, row in enumerate(rows.tolist()):
        actions, pads = one_window(dataset, row, offsets)
        np.testing.assert_array_equal(batch.action[i].numpy(), np.stack(actions))
        assert batch.action_is_pad[i].tolist() == pads
        picture = dataset.read_frame(camera, row)
        np.testing.assert_array_equal(batch.observation[camera][i].permute(1, 2, 0).numpy(), picture)
        state = dataset.columns["observation.state"][row]
        np.testing.assert_array_equal(batch.observation["observation.state"][i].numpy(), state)
    frames.close()
