"""A policy that gives one action again and again."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..policy_view import PolicyView
from ..rule import Looks, Rule

_LITTLE = 0.1


def check(policy: PolicyView) -> Iterator[Finding]:
    within = policy.figure("seams.ratio_within_chunks")
    jump = policy.figure("seams.ratio")
    if within is None or jump is None or within >= _LITTLE or jump >= _LITTLE:
        return
    yield Finding(
        "error",
        f"its actions move {within:.1%} of what the demonstrator's do, within chunks and between them: it stands still",
        "a sign of normalisation that went wrong, of idle demonstrations, or of actions that equal the state: "
        "`understudy inspect RUN`, `understudy doctor DATASET`",
        {"within_chunks": within, "at_seams": jump},
    )


RULE = Rule("repeats_one_action", Looks.POLICY, check, source="huggingface/lerobot thread 951: constant actions")
