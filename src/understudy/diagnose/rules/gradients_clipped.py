"""Nearly every gradient is cut down to the limit: the limit sets the size of the steps, not the loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_SHARE, _USUAL_LIMIT = 0.9, 10.0


def check(run: RunView) -> Iterator[Finding]:
    limit = run.fact("grad_clip") or _USUAL_LIMIT
    _, clipped = run.series("clipped_fraction")
    if not len(clipped):
        # other programs do not count; their mean norm above the limit says as much
        clipped = (run.series("grad_norm")[1] > limit).astype(np.float64)
    late = clipped[len(clipped) // 2 :]
    if not len(late) or np.mean(late) < _SHARE:
        return
    yield Finding(
        "note" if len(clipped) < 10 else "warning",
        f"{np.mean(late):.0%} of the gradients in the second half are above the limit of {limit:g} and were cut down",
        "a sign of a rate that is too high, of outlying data, or of a run that has only begun; "
        "if it lasts, lower the learning rate or raise --optimizer.grad_clip_norm",
        {"share": round(float(np.mean(late)), 3), "limit": limit},
    )


RULE = Rule(
    "gradients_clipped", Looks.RUN, check, source="an ACT run stopped after 1,000 steps with a gradient norm of 24.5"
)
