"""A joint whose commands are always a constant away from where it goes: leader and follower were calibrated apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import is_hand, joints

# of the joint's range: less is gravity and friction, more are two ways to count (a hand's fingers often are)
_APART, _OTHER_COUNT = 0.1, 0.5
_CONSTANT = 0.25  # how much the difference may vary, as a part of itself
_ALIKE = 0.8  # ranges of command and joint, the smaller as a part of the larger


def check(data: DatasetView) -> Iterator[Finding]:
    pairs = data.commanded()
    if not pairs:
        return
    apart = np.concatenate([action - state for state, action in pairs])
    spans = np.ptp(np.concatenate([state for state, _ in pairs]), axis=0)
    commanded = np.ptp(np.concatenate([action for _, action in pairs]), axis=0)
    # the median takes out that commands run ahead, in one direction and in the other
    offset = np.median(apart, axis=0)
    varies = np.median(np.abs(apart - offset), axis=0)
    share = np.abs(offset) / np.maximum(spans, 1e-9)
    far = (share > _APART) & (share < _OTHER_COUNT) & (varies < _CONSTANT * np.abs(offset))
    far &= np.minimum(spans, commanded) > _ALIKE * np.maximum(spans, commanded)
    found = [int(j) for j in np.flatnonzero(far) if not is_hand(joints(data.action_names, [int(j)]))]
    if not found:
        return
    most = max(found, key=share.__getitem__)
    yield Finding(
        "warning",
        f"{joints(data.action_names, found)} {'are' if len(found) > 1 else 'is'} commanded a constant away from where "
        f"{'they are' if len(found) > 1 else 'it is'}, by {offset[most]:+.3g} at most ({share[most]:.0%} of the range)",
        "calibrate leader and follower again before recording more. A policy learns the offset with the rest, so it "
        "works on this arm as it is calibrated now and nowhere else",
        {"joints": found, "offsets": [float(offset[j]) for j in found], "varies": [float(varies[j]) for j in found]},
    )


RULE = Rule(
    "leader_apart",
    Looks.DATASET,
    check,
    source="huggingface/lerobot thread 3762: 17 degrees between leader and follower",
)
