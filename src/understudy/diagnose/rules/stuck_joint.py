"""A joint that stays where it is, to the last digit, while it is commanded elsewhere: its encoder dropped out.

Not fingers and grippers: what they hold stops them, and coarse encoders of hands repeat themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import is_hand, joints, listed

_LONG_S = 0.5
_COMMANDED = 0.1  # of the command's range, how far it moves while the joint does not


def check(data: DatasetView) -> Iterator[Finding]:
    pairs = data.commanded()
    if not pairs:
        return
    spans = np.ptp(np.concatenate([action for _, action in pairs]), axis=0)
    moves = np.ptp(np.concatenate([state for state, _ in pairs]), axis=0) > 0
    hands = np.array([is_hand(joints(data.state_names, [j])) for j in range(len(spans))])
    for joint in np.flatnonzero(moves & (spans > 0) & ~hands):
        found = [
            (e.index, first, last)
            for e in data.episodes
            if e.state is not None and e.action is not None and e.state.shape == e.action.shape
            for first, last in _constant(e.state[:, joint], int(_LONG_S * data.fps))
            if np.ptp(e.action[first : last + 1, joint]) > _COMMANDED * spans[joint]
        ]
        if not found:
            continue
        concerned = sorted({index for index, _, _ in found})
        seconds = max(last - first for _, first, last in found) / data.fps
        yield Finding(
            "warning",
            f"{joints(data.state_names, [int(joint)])} stays exactly where it is for up to {seconds:.1f} s while it is "
            f"commanded to move, in {listed(concerned)}",
            "the motor or its encoder dropped out, or the driver repeated an old reading: leave these episodes out and "
            "look at the cable",
            {"joint": int(joint), "longest_s": round(seconds, 2), "stretches": len(found)},
            tuple(concerned),
            tuple(found[:50]),
        )


def _constant(values: np.ndarray, longer_than: int) -> list[tuple[int, int]]:
    """(first, last) frame of each stretch of equal values that lasts for more than so many frames."""
    changes = np.flatnonzero(np.diff(values) != 0)
    firsts = np.concatenate([[0], changes + 1])
    lasts = np.concatenate([changes, [len(values) - 1]])
    return [(int(a), int(b)) for a, b in zip(firsts, lasts, strict=True) if b - a > longer_than]


RULE = Rule(
    "stuck_joint",
    Looks.DATASET,
    check,
    source="huggingface/lerobot thread 3280: columns without variance, in part",
)
