"""Were two policies measured in the same way? Unequal protocols are not compared unless that is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.core.errors import ConfigError
from understudy.core.nested import leaves

from ..protocol import EXECUTION
from ..records import Evaluation
from .sides import Side

_WIDEST = 48


def check_equal(sides: Sequence[Side], *, allowed: bool) -> dict[str, list[Any]]:
    """What differs: dotted key -> its value in each evaluation, in order; empty if all protocols are equal.

    Raises ConfigError with a table of what differs, unless `allowed`.
    """
    evaluations = [evaluation for side in sides for evaluation in side.evaluations]
    if len({evaluation.protocol["hash"] for evaluation in evaluations}) == 1:
        return {}
    names = [
        side.letter + (str(number) if len(side.evaluations) > 1 else "")
        for side in sides
        for number, _ in enumerate(side.evaluations, 1)
    ]
    differing = differences(evaluations)
    if differing and not allowed:
        raise ConfigError(
            "the evaluations followed unequal protocols, so their numbers cannot be compared\n"
            + "\n".join(table(differing, names)),
            hint="evaluate them alike, or compare all the same with --allow_unequal_protocols=true",
        )
    return differing


def differences(evaluations: Sequence[Evaluation]) -> dict[str, list[Any]]:
    """Dotted key -> its value in each of the protocols (None where it has none), for every key that differs.

    How predictions are executed says nothing about a reference (expert, hold, ...), which predicts nothing.
    """
    flat = [leaves(evaluation.protocol) for evaluation in evaluations]
    keys = list(dict.fromkeys(key for protocol in flat for key in protocol))
    values = {key: [protocol.get(key) for protocol in flat] for key in keys if key != "hash"}
    predicts = [protocol.get("n_action_steps") is not None for protocol in flat]

    def kinds(key: str) -> set[str]:
        asked = [key not in EXECUTION or counts for counts in predicts]
        return {json.dumps(value, sort_keys=True) for value, counts in zip(values[key], asked, strict=True) if counts}

    return {key: row for key, row in values.items() if len(kinds(key)) > 1}


def table(differing: Mapping[str, Sequence[Any]], names: Sequence[str]) -> list[str]:
    """A line for the names and one for each key."""
    rows = [["", *names]] + [[key, *(_short(value) for value in row)] for key, row in differing.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names) + 1)]
    return ["  " + "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
