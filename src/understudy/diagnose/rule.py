"""Rule: a question put to a dataset or a run. Each stands in a file of its own in rules/, and is listed by `rules_for`.

RULE = Rule("starved_by_data", Looks.RUN, check, source="...")
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from .finding import SEVERITIES, Finding


class Looks(StrEnum):
    """What a rule looks at."""

    DATASET = "dataset"
    RUN = "run"
    POLICY = "policy"


@dataclass(frozen=True)
class Rule:
    """A rule.

    check    what it looks at (DatasetView, RunView, PolicyView) -> its findings, none where all is well or where what
             it needs is not there
    source   where it is known from that this matters: a paper, a thread, a measured set
    live     whether it is asked while training, too: it has to hold on a run that is not finished
    """

    name: str
    looks_at: Looks
    check: Callable[[Any], Iterator[Finding]]
    source: str
    live: bool = False


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule there is, in the order of their names."""
    from . import rules

    found: list[Rule] = []
    for module in pkgutil.iter_modules(rules.__path__, f"{rules.__name__}."):
        rule = getattr(importlib.import_module(module.name), "RULE", None)
        if isinstance(rule, Rule):
            found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.name))


def apply_rules(view: Any, looks_at: Looks, *, live: bool = False) -> list[Finding]:
    """What all rules for this kind of thing say of `view`, the gravest first."""
    findings = [
        dataclasses.replace(finding, rule=rule.name)
        for rule in all_rules()
        if rule.looks_at is looks_at and (rule.live or not live)
        for finding in rule.check(view)
    ]
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.rule))
