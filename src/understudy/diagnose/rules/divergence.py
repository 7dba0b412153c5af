"""The loss rises and does not come back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..curves import trend
from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_TIMES = 2.0


def check(run: RunView) -> Iterator[Finding]:
    steps, loss = run.series("loss")
    if len(loss) < 40:
        return
    tenth = max(5, len(loss) // 10)
    levels = np.array([np.median(part) for part in np.array_split(loss, len(loss) // tenth)])
    best = int(np.argmin(levels))
    rising = trend(loss[best * tenth :])
    if levels[-1] < _TIMES * levels[best] or rising is None or not (rising.sure and rising.change > 0):
        return
    since = steps[min(best * tenth, len(steps) - 1)]
    yield Finding(
        "error",
        f"the loss has risen from {levels[best]:.3g} near step {since:,.0f} to {levels[-1]:.3g} at the end",
        f"go back to a checkpoint near step {since:,.0f} and lower the learning rate (a third is a fair try)",
        {"lowest": float(levels[best]), "last": float(levels[-1]), "since_step": int(since)},
    )


RULE = Rule(
    "divergence", Looks.RUN, check, source="what every trainer has met; LeRobot prints it and goes on", live=True
)
