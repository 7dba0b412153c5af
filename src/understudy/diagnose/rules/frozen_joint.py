"""A joint that moves in most episodes and does not in some, or never moves at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import joints, listed

_STILL = 1e-6  # of the joint's range over the dataset


def check(data: DatasetView) -> Iterator[Finding]:
    for kind, names, episodes in (
        ("state", data.state_names, data.with_state()),
        ("action", data.action_names, data.with_action()),
    ):
        if not episodes:
            continue
        parts = [np.asarray(e.state if kind == "state" else e.action) for e in episodes]
        spans = np.stack([np.ptp(part, axis=0) for part in parts])
        everything = np.ptp(np.concatenate(parts), axis=0)
        never = np.flatnonzero(everything <= 0)
        if len(never):
            yield Finding(
                "note",
                f"{len(never)} of {len(everything)} entries of the {kind} never change: "
                f"{joints(names, never.tolist())}",
                "harmless: Understudy scales constant entries by 1 (states) or 0.001 (actions), and says so; LeRobot "
                "divides them by nearly nothing",
                {"kind": kind, "entries": never.tolist()},
            )
        still = spans <= _STILL * everything
        for joint in np.flatnonzero((everything > 0) & still.any(axis=0) & (still.mean(axis=0) < 0.2)):
            found = [episodes[i].index for i in np.flatnonzero(still[:, joint])]
            yield Finding(
                "warning",
                f"{joints(names, [int(joint)])} ({kind}) does not move in {listed(found)}, and does in all others",
                "see whether the motor or its encoder dropped out; if so, leave these episodes out",
                {"kind": kind, "joint": int(joint)},
                tuple(found),
            )


RULE = Rule("frozen_joint", Looks.DATASET, check, source="huggingface/lerobot thread 3280: columns without variance")
