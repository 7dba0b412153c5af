"""The doctor's rules: what each one looks for, how grave its findings can be, and where it is known from."""

from __future__ import annotations

import ast
import inspect

from understudy.diagnose.finding import SEVERITIES
from understudy.diagnose.rule import Looks, Rule, all_rules

from .markdown import code, first_paragraph, table, words

TITLES = {
    Looks.DATASET: "About recordings",
    Looks.RUN: "About trainings and logs",
    Looks.POLICY: "About what a policy does",
}


def rule_pages() -> dict[str, str]:
    """doctor.md."""
    rules = all_rules()
    parts = [
        "# The doctor's rules",
        f"`understudy doctor` asks {len(rules)} questions. An *error* will not work as it is, a *warning* probably "
        "costs quality or time, a *note* is worth knowing. Those marked *live* are also asked while a run trains.",
    ]
    for looks_at in Looks:
        rows = ([*_row(rule)] for rule in rules if rule.looks_at is looks_at)
        parts += [f"## {TITLES[looks_at]}", table(("rule", "looks for", "finds", "known from"), rows)]
    return {"doctor.md": "\n\n".join(parts) + "\n"}


def _row(rule: Rule) -> tuple[str, str, str, str]:
    module = inspect.getmodule(rule.check)
    finds = ", ".join(severities(rule)) + (", live" if rule.live else "")
    return code(rule.name), first_paragraph((module and module.__doc__) or ""), finds, words(rule.source)


def severities(rule: Rule) -> list[str]:
    """How grave its findings can be, the gravest first: the words that its file makes findings with."""
    module = inspect.getmodule(rule.check)
    assert module is not None
    found = {
        node.value
        for call in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding"
        for node in ast.walk(call.args[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return [severity for severity in SEVERITIES if severity in found]
