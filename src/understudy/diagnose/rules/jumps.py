"""A joint that is somewhere else in the next frame: a lost packet, a wrapped angle, two episodes glued together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import joints, listed

# of the joint's range in one frame, and of its fast movements (the 99th percentile of what it does in a frame)
_OF_RANGE, _OF_FAST = 0.3, 8.0
# a joint whose range is less than this of the usual one hardly moves
_OF_USUAL = 0.1
_PLACES = 20


def check(data: DatasetView) -> Iterator[Finding]:
    states = [(e.index, e.state) for e in data.episodes if e.state is not None and e.length > 1]
    if not states:
        return
    together = np.concatenate([state for _, state in states])
    spans = np.ptp(together, axis=0)
    steps = [(index, np.abs(np.diff(state, axis=0))) for index, state in states]
    fast = np.percentile(np.concatenate([step for _, step in steps]), 99, axis=0)
    limit = np.maximum(_OF_RANGE * spans, _OF_FAST * fast)
    for joint in _moving(together, spans):
        spots = [(index, int(f)) for index, step in steps for f in np.flatnonzero(step[:, joint] > limit[joint])]
        if not spots:
            continue
        largest = max(float(step[:, joint].max()) for _, step in steps)
        found = sorted({episode for episode, _ in spots})
        yield Finding(
            "warning",
            f"{joints(data.state_names, [joint])} jumps by up to {largest:.3g} from one frame to the next "
            f"({largest / spans[joint]:.0%} of its range) in {listed(found)}",
            "look at these frames: an angle that wraps around, a lost packet, or a recorded reset; cut them or "
            "leave the episodes out",
            {"joint": joint, "largest": largest, "jumps": len(spots)},
            tuple(found),
            tuple((episode, frame, frame + 1) for episode, frame in spots[:50]),
        )


def _moving(states: np.ndarray, spans: np.ndarray) -> list[int]:
    """The joints that move at all and have places between their ends, as a gripper that is open or shut has not.

    The noise of a joint that hardly moves is no jump, however large a part of its range.
    """
    moving = spans[spans > 0]
    least = _OF_USUAL * float(np.median(moving)) if len(moving) else 0.0
    return [j for j in range(len(spans)) if spans[j] > least and len(np.unique(states[:, j])) >= _PLACES]


RULE = Rule(
    "jumps", Looks.DATASET, check, source="huggingface/lerobot threads 3280, 3760, 3761: discontinuities in recordings"
)
