"""A GPU that slows itself down: too hot, or given too little power. Its driver says so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_SHARE, _FEWEST = 0.05, 20


def check(run: RunView) -> Iterator[Finding]:
    _, slowed = run.measured("gpu_slowed")
    if len(slowed) < _FEWEST or np.mean(slowed) < _SHARE:
        return
    yield Finding(
        "warning",
        f"the GPU's driver lowered its clock in {np.mean(slowed):.0%} of the readings, for heat or for lack of power",
        "look at its temperature in the report: clean fans and let air in; where it is cool, look at the power supply "
        "and its cables",
        {"share": round(float(np.mean(slowed)), 3), "readings": len(slowed)},
    )


RULE = Rule(
    "gpu_throttled", Looks.RUN, check, source="NVIDIA's management library: slowdown reasons of the clocks", live=True
)
