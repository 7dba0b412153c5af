"""A task that is solved with the cameras blanked, or by standing still: its success rate says little."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..policy_view import PolicyView
from ..rule import Looks, Rule

_SHARE = 0.5


def check(policy: PolicyView) -> Iterator[Finding]:
    rate = policy.simulated.get("success_rate")
    if not rate:
        return
    for who, words in (("cameras blank", "with its cameras blanked"), ("hold", "by standing still")):
        found = policy.beside(who)
        if found is None or found[1] == 0 or found[0] / found[1] < _SHARE * rate:
            continue
        yield Finding(
            "warning",
            f"the task is solved {words} in {found[0]} of {found[1]} episodes, beside {rate:.0%} with everything",
            "this success rate does not show that the policy sees: evaluate it on a task whose start varies more",
            {"beside": who, "successes": found[0], "n": found[1], "success_rate": rate},
        )


RULE = Rule(
    "succeeds_blindfolded", Looks.POLICY, check, source="a reference that costs twenty episodes and has no excuse"
)
