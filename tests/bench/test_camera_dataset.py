"""The benchmark's recordings: read without a complaint, the same every time, and as hard to encode as a camera's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from camera_dataset import CAMERA, Recording, camera_frames, make_recording, size_of
from understudy.data.lerobot import load_dataset

SMALL = Recording(height=48, width=64, episodes=2, frames=6, codec="h264")


def test_a_recording_is_read_without_a_warning(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_recording(SMALL, tmp_path / "r")))
    assert (dataset.version, dataset.num_rows, dataset.warnings) == ("v3.0", 12, [])
    frames = list(dataset.read_frames(CAMERA, 1))
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 6
    assert np.array_equal(dataset.columns["action"][:5], dataset.columns["observation.state"][1:6])


def test_a_recording_that_is_there_is_not_made_again_but_another_recipe_is(tmp_path: Path) -> None:
    folder = make_recording(SMALL, tmp_path / "r")
    (folder / "mark").touch()
    make_recording(SMALL, folder)
    assert (folder / "mark").exists()
    make_recording(Recording(48, 64, episodes=1, frames=6, codec="h264"), folder)
    assert not (folder / "mark").exists()


def test_pictures_repeat_for_the_same_seed_and_no_two_frames_are_alike() -> None:
    joints = np.zeros((3, 6), np.float32)
    first, again = (np.stack(list(camera_frames(SMALL, joints))) for _ in range(2))
    assert np.array_equal(first, again)
    # the arm stands still: what differs is the sensor's noise, a few grey levels everywhere
    difference = first[0].astype(int) - first[1]
    assert 3 < difference.std() < 9


def test_the_arm_moves_with_the_joints() -> None:
    still, moved = np.zeros((1, 6), np.float32), np.full((1, 6), 25, np.float32)
    pictures = [next(iter(camera_frames(SMALL, joints))).astype(int) for joints in (still, moved)]
    assert (np.abs(pictures[0] - pictures[1]).max(axis=2) > 60).mean() > 0.01


def test_a_size_is_height_by_width() -> None:
    assert size_of("480x640") == (480, 640)
    with pytest.raises(ValueError, match="not enough values"):
        size_of("480")
