"""Are the time stamps those of an even grid? Checked once, for every frame; frames are found by number all the same.

Cameras and robots are recorded by wall clock, so a step rarely lasts exactly 1/fps. A reader that looks frames up by
time then shows a neighbour, or in a shared video file a frame of the next episode. The frame number has no such error.
"""

from __future__ import annotations

import numpy as np

from understudy.core.errors import DataError

# LeRobot's default tolerance, seconds: what is closer to the grid is not worth a word
GRID_S = 1e-4


def check_timestamps(
    seconds: np.ndarray,
    frame_index: np.ndarray,
    episode_index: np.ndarray,
    *,
    fps: float,
    tolerance_s: float | None,
    where: str,
) -> str | None:
    """Compare each time stamp with frame_index / fps; one line about the worst, or None when all are on the grid.

    seconds         (rows,) float64, from the start of the row's own episode
    frame_index     (rows,) int64
    episode_index   (rows,) int64
    tolerance_s     None: deviations are reported, never refused

    Raises DataError when a deviation exceeds an explicit tolerance.
    """
    grid = frame_index / fps
    # stored as float32, a time late in a long episode cannot be nearer to the grid than this
    rounding = np.spacing(np.abs(grid).astype(np.float32)).astype(np.float64)
    deviation = np.maximum(np.abs(seconds - grid) - rounding, 0.0)
    deviation[~np.isfinite(seconds)] = np.inf
    worst = int(np.argmax(deviation)) if len(deviation) else 0
    if not len(deviation) or deviation[worst] < (GRID_S if tolerance_s is None else tolerance_s):
        return None
    frame = f"episode {episode_index[worst]}, frame {frame_index[worst]}"
    what = f"time stamps leave the {fps:g} fps grid by up to {deviation[worst]:.4g} s"
    if tolerance_s is not None:
        raise DataError(
            f"{what}, more than the tolerance of {tolerance_s:g} s",
            where=f"{where}, {frame}: {seconds[worst]:.4f} s where {grid[worst]:.4f} s belongs",
            hint="frames are found by their number, so this does no harm as long as no frame was dropped; "
            "leave out --tolerance_s to be warned only",
        )
    share = np.count_nonzero(deviation >= GRID_S) / len(deviation)
    return (
        f"{what} ({frame}; {share:.0%} of the frames by 0.1 ms or more): frames are found by their number, not by time"
    )
