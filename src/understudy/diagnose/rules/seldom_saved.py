"""Checkpoints so far apart that a crash costs hours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_LONG_S = 3600.0


def check(run: RunView) -> Iterator[Finding]:
    every = run.fact("save_freq")
    _, updated = run.series("update_s")
    _, waited = run.series("data_s")
    # our own runs also save by the clock, unless they are told not to; LeRobot saves by steps alone
    if run.fact("save_minutes") or every is None or not len(updated):
        return
    step_s = float(np.median(updated)) + (float(np.median(waited)) if len(waited) else 0.0)
    total = run.fact("total_steps") or run.last_step
    every = every or total  # 0: at the end alone
    if min(every, total) * step_s < _LONG_S:
        return
    lost = min(every, total) * step_s / 3600
    yield Finding(
        "note",
        f"a checkpoint every {every:,.0f} steps: up to {lost:.1f} h are lost when the run dies",
        "lower --save_freq; Understudy also saves every ten minutes and on Ctrl-C",
        {"save_freq": every, "step_s": round(step_s, 4), "hours": round(lost, 2)},
    )


RULE = Rule(
    "seldom_saved", Looks.RUN, check, source="LeRobot saves at step 20,000 first; its public threads tell of lost runs"
)
