"""What a fresh policy may look at before its first update, to measure what it cannot learn: frames, and all actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.core import log
from understudy.data.rows import evenly_spaced

if TYPE_CHECKING:
    from understudy.policies.base import Policy

    from .prepare import Prepared

# how many frames, and how many pixels in all of them; larger pictures count as one of this size
_FRAMES = (4, 32)
_PICTURE = 320 * 240
_PIXELS = 6 * _PICTURE
# windows whose actions are cut at once
_BLOCK = 4096


def calibration_frames(cameras: Sequence[tuple[int, ...]]) -> int:
    """How many frames are measured, by the shapes (3, h, w) of the cameras: many small ones, a few large ones."""
    fewest, most = _FRAMES
    pixels = sum(min(height * width, _PICTURE) for _, height, width in cameras)
    return max(fewest, min(most, _PIXELS // max(1, pixels)))


def calibrate(prepared: Prepared, policy: Policy) -> None:
    """Let a fresh policy measure what it needs, on training frames from the first to the last and on the actions of all
    training windows; say what it measured."""
    rows = prepared.rows.train
    windows, size = prepared.windows(), prepared.config.batch_size
    chosen = evenly_spaced(rows, calibration_frames([prepared.dataset.spec.features[c].shape for c in windows.cameras]))
    batches = (windows.gather(chosen[first : first + size]) for first in range(0, len(chosen), size))
    with prepared.start_up.phase("norms"):
        done = policy.calibrate(batches)
    if done:
        log.say(f"{'measured':<10} {done}")
    blocks = (windows.actions(rows[first : first + _BLOCK]) for first in range(0, len(rows), _BLOCK))
    with prepared.start_up.phase("actions"):
        fitted = policy.fit_actions(blocks)
    if fitted:
        log.say(f"{'fitted':<10} {fitted}")
