"""A policy that does the same whatever its cameras show."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..policy_view import PolicyView
from ..rule import Looks, Rule

_MATTERS = 1.1


def check(policy: PolicyView) -> Iterator[Finding]:
    ratio = policy.ratio("cameras_shuffled")
    if ratio is None or ratio >= _MATTERS:
        return
    yield Finding(
        "warning",
        f"pictures of another moment change its error by {abs(ratio - 1):.0%}: the policy hardly looks at its cameras",
        "it can only repeat a movement. Vary where objects lie while recording; leave the state out or disturb it, if "
        "the state gives the movement away",
        {"ratio_shuffled": ratio, "ratio_blank": policy.ratio("cameras_blank")},
    )


RULE = Rule(
    "blind_to_cameras",
    Looks.POLICY,
    check,
    source="huggingface/lerobot thread 1442: the camera covered, and it goes on",
)
