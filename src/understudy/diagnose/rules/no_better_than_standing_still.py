"""A policy whose errors are those of doing nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..policy_view import PolicyView
from ..rule import Looks, Rule

_WORDS = {"hold": "holding the last action", "mean": "always giving the mean action"}
_BETTER = 1.05


def check(policy: PolicyView) -> Iterator[Finding]:
    for baseline, words in _WORDS.items():
        times = policy.figure(f"times_better.{baseline}")
        if times is None or times >= _BETTER:
            continue
        yield Finding(
            "error",
            f"on held-out episodes the policy is no better than {words} (its error is 1/{times:.2f} of that one's)"
            if times >= 1
            else f"on held-out episodes the policy is {1 / max(times, 1e-9):.1f} times worse than {words}",
            "it has learnt nothing that helps yet, whatever its loss: look at the data (`understudy doctor DATASET`), "
            "then train longer",
            {"baseline": baseline, "times_better": times},
        )
        return


RULE = Rule(
    "no_better_than_standing_still",
    Looks.POLICY,
    check,
    source="huggingface/lerobot threads 951, 2213, 2259: a good curve, and a robot that does not move",
)
