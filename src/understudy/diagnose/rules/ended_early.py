"""A run that ended before it could have learnt much."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

# ACT's L1 in standard deviations: the real runs at hand end between 0.01 and 0.07
_ACT_L1 = 0.1
_SHARE = 0.5


def check(run: RunView) -> Iterator[Finding]:
    done, planned = run.last_step, run.fact("total_steps")
    if planned and done < _SHARE * planned and run.ended != "":
        yield _stopped(run, done, planned)
        return
    if planned and run.log is not None and done < _SHARE * planned:
        yield _stopped(run, done, planned)
        return
    _, l1 = run.series("l1_loss")
    if run.facts.get("policy") == "act" and len(l1) and np.median(l1[-5:]) > _ACT_L1:
        yield Finding(
            "warning",
            f"after {done:,.0f} steps the chunks are still {np.median(l1[-5:]):.2f} standard deviations off",
            "train longer: other real runs of ACT, of 100,000 steps, ended between 0.01 and 0.07",
            {"l1_loss": float(np.median(l1[-5:])), "steps": int(done)},
        )


def _stopped(run: RunView, done: float, planned: float) -> Finding:
    return Finding(
        "warning",
        f"stopped after {done:,.0f} of {planned:,.0f} steps ({done / planned:.1%}): too early to judge it",
        "go on with it; `understudy train --resume RUN` does so bit for bit",
        {"steps": int(done), "planned": int(planned), "lines": len(run.history.steps)},
    )


RULE = Rule(
    "ended_early", Looks.RUN, check, source="real logs: runs of 200 of 100,000 steps, of 1,000 steps with L1 0.16"
)
