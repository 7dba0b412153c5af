"""A GPU that waits, though not for data: it is given too little at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_IDLE, _FEWEST = 50.0, 20


def check(run: RunView) -> Iterator[Finding]:
    _, busy = run.measured("gpu_utilization")
    _, waited = run.series("data_s")
    _, updated = run.series("update_s")
    if len(busy) < _FEWEST or np.median(busy) >= _IDLE:
        return
    if len(waited) and np.median(waited) > 0.1 * (np.median(waited) + np.median(updated)):
        return  # it waits for data, which has a rule of its own
    yield Finding(
        "note",
        f"the GPU was busy {np.median(busy):.0f} % of the time, and did not wait for data: steps are made of launches",
        "a larger batch is nearly free; --compile=on makes fewer launches of a step",
        {"median_percent": float(np.median(busy))},
    )


RULE = Rule(
    "gpu_idle", Looks.RUN, check, source="huggingface/lerobot threads 4612, 4607: 1,150 kernels a step, 30 % busy"
)
