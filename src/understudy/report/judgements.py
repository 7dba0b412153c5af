"""The evaluations that lie in a run's folder, as their summary.json tell of them, and those made while it trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.core.events import Event
from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder

from .events import History, lookup, number, section

# the second evaluation of a step has a number behind it
_STEP = re.compile(r"(?:^|-)(\d{6,})(?:-\d+)?$")
# what a page needs of each kind, by dotted name: numbers, then the rest
_SIMULATED = (
    ("successes", "n", "success_rate", "confidence", "progress_mean"),
    (("env", str), ("method", str), ("protocol.hash", str)),
)
_RECORDED = (("frames",), (("episodes", list), ("action_mae", dict), ("baselines", dict)))


@dataclass(frozen=True)
class Judgement:
    """One evaluation of the run: its folder and its summary."""

    path: Path
    summary: dict[str, Any]

    @property
    def simulated(self) -> bool:
        """Whether the policy was executed, and not only asked what it would do."""
        return "successes" in self.summary

    @property
    def is_own(self) -> bool:
        """Whether it judges the run's policy as it is: no reference, and not one that was blinded or told otherwise."""
        return not self.summary.get("reference") and not lookup(self.summary, "protocol.probe") and not self.task

    @property
    def task(self) -> str:
        """What the policy was told instead of the own task of each episode; "" for that."""
        return str(self.summary.get("task") or lookup(self.summary, "who.task") or "")

    @property
    def is_whole(self) -> bool:
        """Whether it has everything that a page shows."""
        numbers, others = _SIMULATED if self.simulated else _RECORDED
        return (
            all(number(lookup(self.summary, name)) is not None for name in numbers)
            and all(isinstance(lookup(self.summary, name), kind) for name, kind in others)
            and (not self.simulated or interval_of(self.summary) is not None)
        )

    @property
    def who(self) -> str:
        """'the policy, step 500', 'expert', 'the policy, step 500, cameras blanked', 'the policy, told “lift it”'."""
        named = _STEP.search(self.path.name) or _STEP.search(Path(str(self.summary.get("policy"))).parent.name)
        policy = f"the policy, step {int(named[1]):,}" if named else "the policy"
        probe = lookup(self.summary, "protocol.probe")
        name = str(self.summary.get("reference") or policy)
        told = f"told “{' '.join(self.task.split())}”" if self.task else ""
        return ", ".join(part for part in (name, probe, told) if part)

    def beside(self) -> list[tuple[str, Judgement]]:
        """What ran on the same task next to it, by name."""
        found = [
            (name, Judgement(Path(str(other.get("path"))), {**self.summary, **other}))
            for name, other in section(self.summary, "beside").items()
            if isinstance(other, dict)
        ]
        return [(name, other) for name, other in found if other.is_whole]


@dataclass(frozen=True)
class Judgements:
    """Every finished evaluation in a run's eval/, oldest first.

    damaged   files of evaluations that cannot be read, or lack what a page shows
    """

    simulated: list[Judgement]
    recorded: list[Judgement]
    damaged: list[Path]


def read_judgements(run: RunFolder) -> Judgements:
    """The evaluations of a run. One that is damaged takes nothing from the others."""
    found = Judgements([], [], [])
    for path in sorted(run.eval.glob("*/summary.json"), key=lambda path: path.stat().st_mtime_ns):
        judgement = Judgement(path.parent, json_or_empty(path))
        if not judgement.is_whole:
            found.damaged.append(path)
        else:
            (found.simulated if judgement.simulated else found.recorded).append(judgement)
    return found


def measured_while_training(history: History) -> list[Event]:
    """The `evaluation` events that hold a success rate."""
    needed = ("successes", "n", "success_rate")
    return [event for event in history.evaluations if all(number(event.get(name)) is not None for name in needed)]


def interval_of(measured: Mapping[str, Any]) -> tuple[float, float] | None:
    """The interval of a success rate, of a summary or an `evaluation` event; None where it has none."""
    bounds = measured.get("interval")
    if not isinstance(bounds, list) or len(bounds) != 2:
        return None
    low, high = (number(bound) for bound in bounds)
    return None if low is None or high is None else (low, high)


def rate(measured: Mapping[str, Any]) -> str:
    """'46/50 = 92.0%', of a summary or an `evaluation` event."""
    return f"{measured['successes']}/{measured['n']} = {measured['success_rate']:.1%}"


def interval(measured: Mapping[str, Any]) -> str:
    """'80.8% to 97.8%'."""
    bounds = interval_of(measured)
    return "" if bounds is None else f"{bounds[0]:.1%} to {bounds[1]:.1%}"


def told(measured: Mapping[str, Any]) -> str:
    """'46/50 = 92.0% (95% interval 80.8% to 97.8%, Clopper-Pearson)'."""
    bounds = interval(measured)
    if not bounds:
        return rate(measured)
    method = f", {measured['method']}" if "method" in measured else ""
    return f"{rate(measured)} ({measured.get('confidence', 0.95):.0%} interval {bounds}{method})"
