"""Held-out error has been rising while the training loss falls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_WORSE, _FEWEST = 1.10, 5


def check(run: RunView) -> Iterator[Finding]:
    name = "action_error" if len(run.held_out("action_error")[1]) else "loss"
    steps, error = run.held_out(name)
    _, loss = run.series("loss")
    if len(error) < _FEWEST or not len(loss) or not np.isfinite(error).all():
        return
    best = int(np.argmin(error))
    # three in a row above the best one: a single bad measurement is no trend
    if best > len(error) - 4 or error[-3:].min() < _WORSE * error[best]:
        return
    yield Finding(
        "warning",
        f"held-out {name.replace('_', ' ')} was lowest at step {steps[best]:,.0f} ({error[best]:.3g}) and has risen to "
        f"{error[-1]:.3g}",
        "use checkpoints/best; more demonstrations, image augmentation or fewer steps help. Success may still rise "
        "while this error does: where it can be measured, let it decide",
        {"best_step": int(steps[best]), "best": float(error[best]), "last": float(error[-1]), "measure": name},
    )


RULE = Rule(
    "overfitting",
    Looks.RUN,
    check,
    source="octo thread 37 and Chaoqi-LIU/oat thread 15: error rises while rollouts improve, so it warns and no more",
    live=True,
)
