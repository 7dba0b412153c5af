"""Nothing was held out: the curve cannot tell learning from remembering."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView


def check(run: RunView) -> Iterator[Finding]:
    if run.history.validations or not run.history.steps or run.last_step < 200:
        return
    yield Finding(
        "note",
        "no held-out episodes were measured, so nothing here says how the policy does on what it has not seen",
        "Understudy holds about a tenth of the episodes out by default; in LeRobot 0.6, --dataset.eval_split=0.1",
        {"validations": 0},
    )


RULE = Rule(
    "not_validated", Looks.RUN, check, source="huggingface/lerobot threads 250, 1492, 2633: LeRobot holds nothing out"
)
