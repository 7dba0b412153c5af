"""The loss has been flat for a good part of the run: more of the same brings nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..curves import Flat, flat_from
from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

# the flat part has to be this share of the run before it is worth a word; the last quarter of a run whose learning
# rate ends near nothing always is
_SHARE = 0.28


def check(run: RunView) -> Iterator[Finding]:
    steps, loss = run.series("loss")
    flat = flat_from(steps, loss)
    if flat is None or flat.share(steps) < _SHARE:
        return
    yield Finding(
        "note",
        f"the loss has been flat since step {flat.step:,.0f} ({flat.level:.3g}): {flat.share(steps):.0%} of the run",
        _remedy(run, flat),
        {"since_step": int(flat.step), "level": flat.level, "fall": flat.fall, "share": round(flat.share(steps), 3)},
    )


def _remedy(run: RunView, flat: Flat) -> str:
    steps, rate = run.series("lr")
    after = rate[steps >= flat.step]
    if len(after) and np.max(after) < 0.5 * np.max(rate):
        return (
            f"the learning rate had fallen to {np.median(after):.1e} of {np.max(rate):.1e}, so more steps would change "
            "little; measure success, and if it is too low, look at the data before training longer"
        )
    return "stop here and measure success; if it is too low, the data or the policy limits it, not the number of steps"


RULE = Rule(
    "plateau", Looks.RUN, check, source="an ACT run on a Unitree G1 of 100,000 steps, flat from about 70,000 on"
)
