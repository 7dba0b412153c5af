"""The tables of inference: how long a prediction takes, how a robot is driven, and ratios taken within a round."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from tables import Document, Record, cell, markdown
from training_log import quantile

_NAMES = {"lerobot": "LeRobot", "understudy": "Understudy"}
_DEADLINE_S = 1 / 30
Column = tuple[str, str]  # side, setting
Rounds = dict[int, Record]


def median_ms(record: Record) -> float:
    """Of the predictions of one run."""
    return float(1000 * statistics.median(record["predict_s"]))


def inference_tables(document: Document) -> str:
    """For each size of picture: latencies, the drive at 30 Hz, ratios; and a line for each run that failed."""
    records = [r for r in document["records"] if r["key"]["benchmark"] == "inference"]
    sizes = sorted({r["key"]["size"] for r in records}, key=lambda size: (len(size), size))
    parts = [part for size in sizes for part in _tables(columns_of(document, size), size)]
    parts += [
        f"Failed: {_title((r['key']['side'], r['key']['setting']))}, {r['key']['size']}: {r['failed']}"
        for r in records
        if "failed" in r
    ]
    return "\n\n".join(parts)


def columns_of(document: Document, size: str) -> dict[Column, Rounds]:
    """The runs that did not fail, by side and setting, and round."""
    columns: dict[Column, Rounds] = {}
    for record in document["records"]:
        key = record["key"]
        if key["benchmark"] == "inference" and key["size"] == size and "failed" not in record:
            columns.setdefault((key["side"], key["setting"]), {})[key["round"]] = record
    return columns


def speed_ups(columns: dict[Column, Rounds], ours: Column, theirs: Column) -> list[float]:
    """Their median latency divided by ours, one for each round that both have."""
    mine, other = columns.get(ours, {}), columns.get(theirs, {})
    return [median_ms(other[number]) / median_ms(mine[number]) for number in sorted(mine.keys() & other.keys())]


def late_percent(rounds: Rounds) -> float:
    """Control steps whose action came after its tick had passed, of all rounds, percent."""
    late = [late_s > 0 for record in rounds.values() for late_s in record["late_s"]]
    return 100 * sum(late) / len(late) if late else float("nan")


def _tables(columns: dict[Column, Rounds], size: str) -> list[str]:
    if not columns:
        return []
    rows = [[label, *(show(rounds) for rounds in columns.values())] for label, show in _ROWS]
    parts = [markdown([f"one chunk of 100 actions, {size}", *map(_title, columns)], rows)]
    ours = [column for column in columns if column[0] == "understudy"]
    theirs = [column for column in columns if column[0] == "lerobot"]
    if ours and theirs:
        ratios = [
            [f"LeRobot {other[1]} / this", *(cell(speed_ups(columns, mine, other), ".2f") for mine in ours)]
            for other in theirs
        ]
        parts.append(markdown([f"latency, round by round, {size}", *map(_title, ours)], ratios))
    return parts


def _pooled(name: str, rounds: Rounds) -> list[float]:
    return sorted(value for record in rounds.values() for value in record[name])


def _milliseconds(name: str, q: float) -> Callable[[Rounds], str]:
    def show(rounds: Rounds) -> str:
        values = _pooled(name, rounds)
        return f"{1000 * quantile(values, q):.1f}" if values else "—"

    return show


def _over_deadline(rounds: Rounds) -> str:
    seconds = _pooled("act_s", rounds)
    return f"{100 * sum(s > _DEADLINE_S for s in seconds) / len(seconds):.1f}" if seconds else "—"


_ROWS: tuple[tuple[str, Callable[[Rounds], str]], ...] = (
    ("a prediction, ms, median", _milliseconds("predict_s", 0.5)),
    ("a prediction, ms, 99th percentile", _milliseconds("predict_s", 0.99)),
    ("predictions timed", lambda rounds: str(len(_pooled("predict_s", rounds)))),
    ("at 30 Hz: a control step, ms, median", _milliseconds("act_s", 0.5)),
    ("at 30 Hz: the slowest control step, ms", _milliseconds("act_s", 1.0)),
    ("at 30 Hz: control steps over 33 ms, %", _over_deadline),
    ("at 30 Hz: actions after their tick, %", lambda rounds: f"{late_percent(rounds):.1f}"),
)


def _title(column: Column) -> str:
    return f"{_NAMES[column[0]]} {column[1]}"
