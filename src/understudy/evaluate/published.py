"""Numbers of papers and model cards, each with its n, its protocol and its source, to be shown beside ours.

Most published success rates leave out how many episodes they rest on, or how these were run. What is not stated is None
here and "not stated" on the screen: it is never guessed. The numbers are in published.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from understudy.core.stats import clopper_pearson

_INDENT = " " * 25


@dataclass(frozen=True)
class Published:
    """A success rate that somebody published.

    task         as an environment is called here, or a group of them ("aloha", "pendulum")
    rate         0..1
    n            episodes that the rate rests on; None: not stated
    protocol     how they were run; None: not stated
    source       where the number stands
    comparable   whether it is a share of successes of one task; else it is only shown
    conditions   settings of the protocol that ours has to share, by the last part of their name
    """

    task: str
    policy: str
    rate: float
    n: int | None
    protocol: str | None
    source: str
    note: str | None = None
    comparable: bool = True
    conditions: dict[str, float] = field(default_factory=dict)

    @property
    def successes(self) -> int | None:
        """How many of n; None where n is not stated."""
        return None if self.n is None else round(self.rate * self.n)


@cache
def every_published() -> tuple[Published, ...]:
    """All numbers there are, by task."""
    text = resources.files("understudy.evaluate").joinpath("published.json").read_text(encoding="utf-8")
    return tuple(Published(**entry) for entry in json.loads(text))


def published_for(task: str, protocol: Mapping[str, Any] | None = None) -> list[Published]:
    """What was published for a task such as "pusht" or "aloha/transfer-cube"; a group's numbers go with all its tasks.

    protocol   of an evaluation here: leaves out numbers that were measured under conditions it does not share
    """
    found = [entry for entry in every_published() if entry.task in (task, task.partition("/")[0])]
    if protocol is None:
        return found
    settings = _settings(protocol)
    return [entry for entry in found if all(condition in settings for condition in entry.conditions.items())]


def beside(
    task: str,
    results: Mapping[str, tuple[int, int]],
    *,
    confidence: float = 0.95,
    protocol: Mapping[str, Any] | None = None,
) -> list[str]:
    """Lines that show what was published for `task` beside our results; none if nothing was.

    results   how each is called -> (successes, n); the only one may be called ""
    """
    return [line for entry in published_for(task, protocol) for line in _lines(entry, results, confidence)]


def cannot_tell_apart(entry: Published, successes: int, n: int, confidence: float = 0.95) -> bool:
    """Whether `successes` of `n` is compatible with the published rate.

    With its n by Boschloo's exact test; without, by whether our interval holds it, which takes their number as exact.
    """
    if entry.successes is None or entry.n is None:
        return entry.rate in clopper_pearson(successes, n, confidence)
    from understudy.core.unpaired import boschloo

    return boschloo(successes, n, entry.successes, entry.n) >= 1 - confidence


def _lines(entry: Published, results: Mapping[str, tuple[int, int]], confidence: float) -> list[str]:
    counted = "n not stated" if entry.n is None else f"n = {entry.n}"
    lines = [
        f"  {entry.rate * 100:5.1f} %  {counted:<12}  {entry.policy}",
        f"{_INDENT}protocol: {entry.protocol or 'not stated'}",
        f"{_INDENT}source: {entry.source}",
    ]
    if entry.note:
        lines.append(f"{_INDENT}{entry.note}")
    alike = {
        name: n for name, (k, n) in results.items() if entry.comparable and cannot_tell_apart(entry, k, n, confidence)
    }
    if alike:
        who = f": {', '.join(f'{name} (n = {n})' for name, n in alike.items())}" if "" not in alike else ""
        yours = "your n" if who else f"your n = {alike['']}"
        lines.append(f"{_INDENT}{yours} cannot tell these apart{who}")
    return lines


def _settings(protocol: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(last part of its name, value) of everything in the protocol."""
    found: list[tuple[str, Any]] = []
    for key, value in protocol.items():
        found += _settings(value) if isinstance(value, Mapping) else [(key, value)]
    return found
