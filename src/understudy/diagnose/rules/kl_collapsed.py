"""ACT: the latent says nothing any more. Harmless with one way to do the task, a loss with several."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_NOTHING = 1e-3  # nats, over all of the latent's numbers


def check(run: RunView) -> Iterator[Finding]:
    steps, kld = run.series("kld_loss")
    if len(kld) < 20:
        return
    late = kld[-max(5, len(kld) // 4) :]
    if np.median(late) >= _NOTHING:
        return
    first = steps[int(np.argmax(kld < _NOTHING))]
    yield Finding(
        "note",
        f"the latent has carried nothing since about step {first:,.0f} (KL {np.median(late):.1g}): the policy gives "
        "the mean of all ways to do the task",
        "fine where everybody did it the same way; where demonstrations differ, lower --policy.kl_weight",
        {"since_step": int(first), "kld_loss": float(np.median(late))},
    )


RULE = Rule("kl_collapsed", Looks.RUN, check, source="an ACT run on a Unitree G1: KL 0.0001 from the first tenth on")
