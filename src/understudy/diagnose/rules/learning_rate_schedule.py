"""A schedule that ended long before the run, or a run that ended long before its schedule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_FLOOR_SHARE = 0.3


def check(run: RunView) -> Iterator[Finding]:
    steps, rate = run.series("lr")
    if len(rate) < 20 or rate.max() <= 0 or rate.min() > 0.9 * rate.max():
        return
    peak, last = float(rate.max()), float(rate[-1])
    if last > 0.5 * peak and np.argmax(rate) < len(rate) - 2 and run.ended != "":
        yield Finding(
            "note",
            f"the run ended while the learning rate was still at {last:.1e} of {peak:.1e}: the schedule was made for a "
            "longer run",
            "give the schedule the run's own length; the last, small steps are what settles a policy",
            {"last": last, "peak": peak},
        )
        return
    floor = rate <= 1.01 * last
    since = steps[len(floor) - np.argmin(floor[::-1])] if not floor.all() else steps[0]
    share = (steps[-1] - since) / steps[-1]
    if last < 0.2 * peak and share > _FLOOR_SHARE:
        yield Finding(
            "note",
            f"the learning rate has been at its floor, {last:.1e}, since step {since:,.0f} ({share:.0%} of the run)",
            "stretch the schedule to the run's length, or end the run there",
            {"floor": last, "since_step": int(since), "share": round(float(share), 3)},
        )


RULE = Rule(
    "learning_rate_schedule", Looks.RUN, check, source="diffusion runs of a Unitree G1 with rates from 1e-4 to 5e-6"
)
