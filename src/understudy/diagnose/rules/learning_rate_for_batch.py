"""A batch many times the usual one with the usual learning rate."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

# the batch and the rate that ACT's published results were made with
_BATCH, _RATE = 8.0, 1e-5
_TIMES = 4.0


def check(run: RunView) -> Iterator[Finding]:
    _, rates = run.series("lr")
    rate = float(rates.max()) if len(rates) else run.fact("lr")
    batch = run.fact("batch_size")
    if run.facts.get("policy") != "act" or not rate or not batch:
        return
    if batch < _TIMES * _BATCH or rate > 1.5 * _RATE:
        return
    better = _RATE * (batch / _BATCH) ** 0.5
    yield Finding(
        "note",
        f"the batch is {batch:g}, {batch / _BATCH:g} times that of ACT's recipe, and the learning rate is the same "
        f"({rate:.0e})",
        f"Adam's steps hardly grow with the batch, so the run learns as slowly per step as a small batch does; "
        f"--policy.optimizer_lr={better:.0e} (square root of the batch) is a usual try",
        {"batch_size": batch, "lr": rate, "suggested_lr": better},
    )


RULE = Rule(
    "learning_rate_for_batch",
    Looks.RUN,
    check,
    source="Malladi et al. 2022, square-root scaling for Adam; Zhao et al. 2023",
)
