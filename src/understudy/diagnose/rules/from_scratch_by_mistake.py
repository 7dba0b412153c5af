"""A policy that is made to be fine-tuned, trained from random weights."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.core.lerobot_policies import PUBLISHED_WEIGHTS

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView


def check(run: RunView) -> Iterator[Finding]:
    policy = str(run.facts.get("policy", ""))
    # a log that does not say what it started from says nothing
    if policy not in PUBLISHED_WEIGHTS or run.facts.get("pretrained") != "":
        return
    yield Finding(
        # whoever was asked and said yes need not be told again that it is wrong
        "note" if run.facts.get("from_scratch") else "error",
        f"{policy} was started from random weights",
        f"--policy.path={PUBLISHED_WEIGHTS[policy]} starts from the published ones",
        {"policy": policy},
    )


RULE = Rule(
    "from_scratch_by_mistake",
    Looks.RUN,
    check,
    source="huggingface/lerobot threads 1270, 1370, 2915: --policy.type alone starts from nothing",
    live=True,
)
