"""What is kept per dataset, gathered by rows of several joined ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .dataset_files import Part, parts_of_rows
from .frame_spec import Frames

# rows (B,) of one dataset -> (B, ...)
Gather = Callable[[np.ndarray], np.ndarray]


def gather_by_part(parts: Sequence[Part], gathers: Sequence[Gather], rows: np.ndarray) -> np.ndarray:
    """What the parts' own `gathers` give for `rows` (B,) of the whole, in the order of the rows."""
    if len(parts) == 1:
        return gathers[0](rows)
    of_part = parts_of_rows(parts, rows)
    together: np.ndarray | None = None
    for number in np.unique(of_part):
        there = of_part == number
        own: np.ndarray = gathers[number](rows[there] - parts[number].first_row)
        if len(own) == len(rows):
            return own
        if together is None:
            together = np.empty((len(rows), *own.shape[1:]), own.dtype)
        together[there] = own
    return gathers[0](rows) if together is None else together


class JoinedFrames:
    """The frames of joined datasets, each held on its own."""

    def __init__(self, parts: Sequence[Part], frames: Sequence[Frames]) -> None:
        self.tier = frames[0].tier
        self.reason = frames[0].reason
        self._parts = parts
        self._frames = frames

    def gather(self, camera: str, rows: np.ndarray) -> np.ndarray:
        """The frames at `rows` (B,): uint8 (B, h, w, 3)."""
        return gather_by_part(self._parts, [self._gather(frames, camera) for frames in self._frames], rows)

    def close(self) -> None:
        """Let go of all of them."""
        for frames in self._frames:
            frames.close()

    @staticmethod
    def _gather(frames: Frames, camera: str) -> Gather:
        return lambda rows: frames.gather(camera, rows)
