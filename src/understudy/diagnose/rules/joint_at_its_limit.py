"""A joint that spends much of its time pressed against one end of its range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import is_hand, joints

_SHARE, _VALUES = 0.25, 20


def check(data: DatasetView) -> Iterator[Finding]:
    episodes = data.with_action()
    if not episodes:
        return
    together = np.concatenate([np.asarray(e.action) for e in episodes])
    for joint in range(together.shape[1]):
        values = together[:, joint]
        # a gripper that is open or shut, and a flag, are at an end most of the time, and should be
        if len(np.unique(values)) < _VALUES or is_hand(joints(data.action_names, [joint])):
            continue
        low, high = float(values.min()), float(values.max())
        at_low, at_high = float(np.mean(values == low)), float(np.mean(values == high))
        if max(at_low, at_high) < _SHARE or min(at_low, at_high) > 0.02:
            continue
        end, share = (low, at_low) if at_low > at_high else (high, at_high)
        yield Finding(
            "note",
            f"the action of {joints(data.action_names, [joint])} is exactly {end:g} in {share:.0%} of the frames",
            "a limit or a calibration that cuts movement off; check that the joint can go where the operator wanted",
            {"joint": joint, "value": end, "share": round(share, 3)},
        )


RULE = Rule(
    "joint_at_its_limit", Looks.DATASET, check, source="calibrations of low-cost arms that clip a joint's range"
)
