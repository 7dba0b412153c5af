"""Chunks that do not meet: the robot jerks where one ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..policy_view import PolicyView
from ..rule import Looks, Rule

_TIMES = 3.0


def check(policy: PolicyView) -> Iterator[Finding]:
    ratio = policy.figure("seams.ratio")
    if ratio is None or ratio < _TIMES:
        return
    fewer = "execute fewer actions of each chunk (--policy.n_action_steps)"
    if policy.was_tried("temporal_ensemble_coeff"):
        fewer += ", or average overlapping ones (--policy.temporal_ensemble_coeff=0.01)"
    yield Finding(
        "warning",
        f"at the seam of two chunks the joints jump {ratio:.1f} times as far as the demonstrator moves in a step",
        f"{fewer}; `understudy eval` says what serves best",
        {"ratio": ratio, "seams": policy.figure("seams.count")},
    )


RULE = Rule(
    "seams",
    Looks.POLICY,
    check,
    source="huggingface/lerobot threads 2557, 4229; almond-bot/axol thread 191: jumps at seams",
)
