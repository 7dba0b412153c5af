"""Many small frames are measured, or a few large ones."""

from __future__ import annotations

import pytest

from understudy.train.calibration import calibration_frames


@pytest.mark.parametrize(
    ("cameras", "frames"),
    [
        ([], 32),
        ([(3, 96, 96)], 32),
        ([(3, 240, 320)], 6),
        ([(3, 480, 640)], 6),
        ([(3, 1080, 1920)], 6),
        ([(3, 96, 96), (3, 240, 320)], 5),
        ([(3, 480, 640)] * 4, 4),
    ],
)
def test_the_number_of_frames_follows_from_their_size(cameras: list[tuple[int, ...]], frames: int) -> None:
    assert calibration_frames(cameras) == frames
