"""Episodes in which a joint's numbers are 57.3 times those of the others: degrees among radians."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed

_DEGREES = 180 / np.pi
_NEAR = 0.5  # of the factor, in either direction, and the share of joints that has to agree


def check(data: DatasetView) -> Iterator[Finding]:
    for kind, episodes in (("state", data.with_state()), ("action", data.with_action())):
        if len(episodes) < 3:
            continue
        sizes = np.stack([np.abs(np.asarray(e.state if kind == "state" else e.action)).max(axis=0) for e in episodes])
        usual = np.median(sizes, axis=0)
        joints = usual > 1e-3
        if not joints.any():
            continue
        ratio = np.median(sizes[:, joints] / usual[joints], axis=1)
        for factor, other in (
            (_DEGREES, "degrees, the others in radians"),
            (1 / _DEGREES, "radians, the others in degrees"),
        ):
            odd = np.flatnonzero(np.abs(np.log(np.maximum(ratio, 1e-9) / factor)) < np.log1p(_NEAR))
            if not len(odd):
                continue
            found = [episodes[i].index for i in odd]
            yield Finding(
                "error",
                f"the {kind} of {listed(found)} is {np.median(ratio[odd]):.3g} times that of the others: "
                f"probably in {other}",
                "convert these episodes, or leave them out: a policy cannot serve two units",
                {"kind": kind, "ratio": float(np.median(ratio[odd]))},
                tuple(found),
            )


RULE = Rule(
    "units_mixed", Looks.DATASET, check, source="LeRobot changed its arms from degrees to normalised units in 2025"
)
