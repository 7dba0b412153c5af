"""Frames of a dataset in every tier: the same pictures, planned before, decoded once, gathered by row."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from make_dataset import expected_level, make_dataset
from understudy.core.errors import DataError, OutOfMemory
from understudy.data.frame_build import decode_all
from understudy.data.frames import Frames, open_frames, plan_frames
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.windows import Windows

FRONT, WRIST = "observation.images.front", "observation.images.wrist"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("two_cameras") / "set"
    return make_dataset(where, episodes=4, frames=[12, 7, 9, 5], cameras=("front", "wrist"), episodes_per_file=2)


def opened(dataset: Dataset, tier: str) -> Frames:
    return open_frames(dataset, plan_frames(dataset, tier=tier), workers=2)


def by_hand(dataset: Dataset, camera: str) -> np.ndarray:
    return np.concatenate([list(dataset.read_frames(camera, e)) for e in range(len(dataset.episodes))])


def on_device(dataset: Dataset, *, stored: bool, device: str = "cpu") -> Frames:
    """The tier `device`, on the CPU: what differs on CUDA is where its tensors lie."""
    plan = plan_frames(dataset, tier="disk" if stored else "ram")
    return open_frames(dataset, dataclasses.replace(plan, tier="device", device=device), workers=2)


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_frames_on_a_device_are_those_of_the_store(folder: Path, stored: bool, device: str) -> None:
    dataset = load_dataset(str(folder))
    frames = on_device(dataset, stored=stored, device=device)
    rows = np.array([32, 0, 7, 7, 18])
    for camera in dataset.spec.cameras:
        expected = by_hand(dataset, camera)[rows]
        np.testing.assert_array_equal(frames.gather(camera, rows), expected)
        windows = Windows(dataset, frames, action_offsets=[0], cameras=[camera])
        pictures = windows.gather(rows).observation[camera]
        assert pictures.device.type == device and pictures.shape == (5, 3, 24, 32)
        np.testing.assert_array_equal(pictures.cpu().permute(0, 2, 3, 1).numpy(), expected)


def test_the_longest_episodes_are_decoded_first(folder: Path) -> None:
    dataset, rows = load_dataset(str(folder)), []
    decode_all(dataset, 1, lambda camera, row, frame: rows.append((camera, row)))
    lengths = [12, 12, 9, 9, 7, 7, 5, 5]
    starts = np.cumsum([0, *lengths[:-1]])
    assert [dataset.episodes[int(dataset.episode_of_row[rows[s][1]])].length for s in starts] == lengths
    assert len(set(rows)) == 66


def test_a_device_without_room_is_an_error_with_a_way_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("understudy.data.frame_device.torch.empty", refuse)
    with pytest.raises(OutOfMemory, match="do not fit the memory of cpu") as caught:
        on_device(load_dataset(str(folder)), stored=False)
    assert caught.value.hint and "--dataset.frames=disk" in caught.value.hint


@pytest.mark.parametrize("tier", ["disk", "ram", "decode"])
@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_gather_gives_the_frames_of_the_rows_in_any_order(tier: str, version: str, tmp_path: Path) -> None:
    where = make_dataset(tmp_path / "set", version=version, episodes=3, frames=[9, 14, 6], cameras=("front", "wrist"))
    dataset = load_dataset(str(where))
    frames = opened(dataset, tier)
    assert frames.tier == tier
    rows = np.array([28, 0, 5, 5, 13, 22, 9, 8])
    for number, camera in enumerate(dataset.spec.cameras):
        expected = by_hand(dataset, camera)
        gathered = frames.gather(camera, rows)
        assert gathered.dtype == np.uint8 and gathered.shape == (8, 24, 32, 3) and gathered.flags.writeable
        np.testing.assert_array_equal(gathered, expected[rows])
        levels = [
            expected_level(int(dataset.episode_of_row[r]), int(dataset.frame_index[r]), number) for r in rows.tolist()
        ]
        assert np.abs(gathered.mean(axis=(1, 2, 3)) - levels).max() < 4
    frames.close()


@pytest.mark.parametrize("tier", ["disk", "ram", "decode"])
def test_pictures_in_the_table_serve_as_well(tier: str, tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "set", episodes=2, frames=6, images_as="image")))
    frames = opened(dataset, tier)
    np.testing.assert_array_equal(frames.gather(FRONT, np.arange(12)), by_hand(dataset, FRONT))
    frames.close()


@pytest.mark.parametrize("tier", ["disk", "ram", "decode"])
def test_a_dataset_without_cameras_needs_no_frames(tier: str, tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "set", cameras=())))
    plan = plan_frames(dataset, tier=tier)
    assert plan.bytes == 0 and plan.frames_to_decode == 0
    assert "no cameras" in open_frames(dataset, plan).reason


def test_frames_are_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset(str(folder))
    expected = by_hand(dataset, WRIST)
    opened(dataset, "disk").close()
    monkeypatch.setattr(Dataset, "read_frames", lambda *_: pytest.fail("decoded again"))
    again = opened(load_dataset(str(folder)), "disk")
    np.testing.assert_array_equal(again.gather(WRIST, np.arange(33)), expected)


def test_a_subset_of_episodes_shares_the_store(folder: Path) -> None:
    whole = load_dataset(str(folder))
    expected = by_hand(whole, FRONT)
    some = load_dataset(str(folder), episodes=[3, 1])
    assert plan_frames(some, tier="disk").frames_to_decode == 2 * 12
    opened(some, "disk").close()
    assert plan_frames(some, tier="disk").frames_to_decode == 0
    assert plan_frames(whole, tier="disk").frames_to_decode == 2 * 21
    frames = opened(whole, "disk")
    np.testing.assert_array_equal(frames.gather(FRONT, np.arange(33)), expected)
    other = opened(load_dataset(str(folder), episodes=[2]), "disk")
    np.testing.assert_array_equal(other.gather(FRONT, np.arange(9)), expected[19:28])


def test_the_store_does_not_depend_on_where_the_dataset_lies(folder: Path, tmp_path: Path) -> None:
    opened(load_dataset(str(folder)), "disk").close()
    elsewhere = shutil.copytree(folder, tmp_path / "moved")
    assert plan_frames(load_dataset(str(elsewhere)), tier="disk").frames_to_decode == 0


def test_cameras_that_swap_their_names_do_not_swap_their_pictures(folder: Path) -> None:
    plain = load_dataset(str(folder))
    expected = by_hand(plain, FRONT)
    opened(plain, "disk").close()
    swapped = load_dataset(str(folder), rename_map={FRONT: WRIST, WRIST: FRONT})
    np.testing.assert_array_equal(opened(swapped, "disk").gather(WRIST, np.arange(33)), expected)


def test_the_whole_of_a_changed_dataset_is_decoded_anew(folder: Path, tmp_path: Path) -> None:
    opened(load_dataset(str(folder)), "disk").close()
    other = make_dataset(tmp_path / "set", episodes=4, frames=[12, 7, 9, 5], cameras=("front", "wrist"), seed=1)
    assert plan_frames(load_dataset(str(other)), tier="disk").frames_to_decode == 66


@pytest.mark.parametrize("tier", ["disk", "ram"])
def test_a_video_that_cannot_be_read_names_episode_and_file_and_keeps_the_others(tier: str, tmp_path: Path) -> None:
    where = make_dataset(tmp_path / "set", version="v2.1", episodes=5, frames=8)
    broken = sorted(where.rglob("*.mp4"))[3]
    broken.write_bytes(broken.read_bytes()[:300])
    dataset = load_dataset(str(where))
    with pytest.raises(DataError) as caught:
        open_frames(dataset, plan_frames(dataset, tier=tier), workers=1)
    assert "episode 3" in str(caught.value) and broken.name in str(caught.value)
    if tier == "disk":
        assert plan_frames(dataset, tier="disk").frames_to_decode == 2 * 8
        rest = load_dataset(str(where), exclude_episodes=[3])
        frames = opened(rest, "disk")
        np.testing.assert_array_equal(frames.gather(FRONT, np.arange(32)), by_hand(rest, FRONT))


def test_a_video_of_another_size_than_described_is_refused_in_every_tier(tmp_path: Path) -> None:
    where = make_dataset(tmp_path / "set", version="v2.1", episodes=2, frames=8)
    other = make_dataset(tmp_path / "other", version="v2.1", episodes=2, frames=8, size=(32, 40))
    wrong = sorted(where.rglob("*.mp4"))[1]
    shutil.copy(sorted(other.rglob("*.mp4"))[1], wrong)
    dataset = load_dataset(str(where))
    for tier in ("disk", "ram"):
        with pytest.raises(DataError, match="40x32") as caught:
            opened(dataset, tier)
        assert "episode 1" in str(caught.value) and wrong.name in str(caught.value)
    frames = opened(dataset, "decode")
    with pytest.raises(DataError, match="40x32") as caught:
        frames.gather(FRONT, np.array([0, 9]))
    assert "episode 1" in str(caught.value) and wrong.name in str(caught.value)
    assert frames.gather(FRONT, np.array([3])).shape == (1, 24, 32, 3)


def test_decoders_of_many_files_are_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.data.frame_decode._OPEN_DECODERS", 3)
    dataset = load_dataset(str(make_dataset(tmp_path / "set", version="v2.1", episodes=9, frames=4)))
    frames = open_frames(dataset, plan_frames(dataset, tier="decode"), workers=2)
    expected = by_hand(dataset, FRONT)
    rng = np.random.default_rng(0)
    for _ in range(5):
        rows = rng.integers(0, 36, 12)
        np.testing.assert_array_equal(frames.gather(FRONT, rows), expected[rows])
    held = [link for link in (path.resolve() for path in Path("/proc/self/fd").iterdir()) if link.suffix == ".mp4"]
    assert 1 <= len([path for path in held if path.is_relative_to(tmp_path)]) <= 3
    frames.close()


@pytest.mark.shared
def test_both_forms_of_a_real_dataset_give_the_same_frames(shared: Path) -> None:
    separate = load_dataset(str(shared / "cr5_banana_v21"), episodes=[4])
    together = load_dataset(str(shared / "cr5_banana_v30"), episodes=[4])
    ours = opened(separate, "disk")
    theirs = opened(together, "decode")
    rows = np.array([0, 1, 100, 235, 236])
    camera = "observation.images.top"
    np.testing.assert_array_equal(ours.gather(camera, rows), theirs.gather(camera, rows))
    theirs.close()


@pytest.mark.shared
def test_few_key_frames_give_the_same_frames_in_every_tier(shared: Path) -> None:
    dataset = load_dataset(str(shared / "gr1_pick_n_place_v20"), episodes=[4])
    (camera,) = dataset.spec.cameras
    disk, decode = opened(dataset, "disk"), opened(dataset, "decode")
    rows = np.array([327, 0, 250, 13, 249])
    np.testing.assert_array_equal(disk.gather(camera, rows), decode.gather(camera, rows))
    decode.close()
