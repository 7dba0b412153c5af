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


def check(data: DatasetView) -> Iterator[Finding]:
    episodes = data.with_state()
    if not episodes:
        return
    steps = [np.abs(np.diff(np.asarray(e.state), axis=0)) for e in episodes]
    together = np.concatenate(steps)
    spans = np.ptp(np.concatenate([np.asarray(e.state) for e in episodes]), axis=0)
    values = [np.unique(np.concatenate([np.asarray(e.state)[:, j] for e in episodes])) for j in range(len(spans))]
    if not len(together):
        return
    fast = np.percentile(together, 99, axis=0)
    limit = np.maximum(_OF_RANGE * spans, _OF_FAST * fast)
    # the noise of a joint that hardly moves is no jump, however large a part of its range
    least = _OF_USUAL * float(np.median(spans[spans > 0])) if (spans > 0).any() else 0.0
    for joint in range(len(spans)):
        # something that is only ever open or shut has no way between
        if spans[joint] <= least or len(values[joint]) < 20:
            continue
        spots = [
            (e.index, int(f))
            for e, s in zip(episodes, steps, strict=True)
            for f in np.flatnonzero(s[:, joint] > limit[joint])
        ]
        if not spots:
            continue
        largest = max(float(s[:, joint].max()) for s in steps if len(s))
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


RULE = Rule(
    "jumps", Looks.DATASET, check, source="huggingface/lerobot threads 3280, 3760, 3761: discontinuities in recordings"
)
