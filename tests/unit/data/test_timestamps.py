"""Time stamps against the grid of frame numbers."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.core.errors import DataError
from understudy.data.timestamps import check_timestamps


def check(seconds: np.ndarray, tolerance_s: float | None = None, fps: float = 10.0) -> str | None:
    n = len(seconds)
    return check_timestamps(seconds, np.arange(n), np.full(n, 4), fps=fps, tolerance_s=tolerance_s, where="here")


def test_the_grid_itself_is_fine_also_in_float32_and_after_hours() -> None:
    frames = np.arange(500_000)
    exact = frames / 30
    assert check(exact, fps=30.0) is None
    assert check((frames / 30).astype(np.float32).astype(np.float64), fps=30.0) is None


def test_the_worst_frame_is_named() -> None:
    seconds = np.arange(20) / 10
    seconds[7] += 0.03
    seconds[12] -= 0.06
    note = check(seconds)
    assert note is not None
    assert "up to 0.06 s (episode 4, frame 12; 10% of the frames" in note


def test_a_constant_offset_and_a_restart_are_deviations() -> None:
    assert "up to 0.05 s" in str(check(np.arange(20) / 10 + 0.05))
    assert "up to 1 s" in str(check(np.concatenate([np.arange(10), np.arange(10)]) / 10))


def test_a_time_that_is_no_number_is_a_deviation() -> None:
    seconds = np.arange(5) / 10
    seconds[2] = np.nan
    assert "up to inf s (episode 4, frame 2" in str(check(seconds))


def test_an_explicit_tolerance_is_strict() -> None:
    seconds = np.arange(20) / 10
    seconds[5] += 0.05
    assert check(seconds, tolerance_s=0.06) is None
    with pytest.raises(DataError) as caught:
        check(seconds, tolerance_s=0.04)
    assert "episode 4, frame 5: 0.5500 s where 0.5000 s belongs" in str(caught.value)


def test_no_row_is_no_deviation() -> None:
    assert check(np.empty(0)) is None
