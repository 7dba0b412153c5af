"""Markdown tables from a result document. Nothing here measures: one document gives the same tables anywhere."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

Document = dict[str, Any]
Record = dict[str, Any]
Measure = Callable[[Record], float | None]

_NEW = ("understudy", 0, True)
_KNOWN = ("understudy", 0, False)
VariantId = tuple[str, int, bool]  # side, workers, first time


def steps_per_second(record: Record) -> float | None:
    """Of the median step; None for a run too short to have a pace."""
    seconds = _pace("step_s")(record)
    return None if seconds is None else 1 / seconds


def first_step(record: Record) -> float | None:
    """Seconds from launch to the first step's line."""
    seconds: float = record["first_step_s"]
    return seconds


def _pace(name: str, scale: float = 1.0) -> Measure:
    return lambda record: scale * record["pace"][name] if "pace" in record else None


def _gigabytes(kind: str) -> Measure:
    return lambda record: None if record["memory"][kind] is None else record["memory"][kind] / 1e9


# what is shown, how it is read from a record, how it is written
_ROWS: tuple[tuple[str, Measure, str], ...] = (
    ("steps per second", steps_per_second, ".3f"),
    ("seconds per step, median", _pace("step_s"), ".3f"),
    ("seconds per step, 10th percentile", _pace("low_s"), ".3f"),
    ("seconds per step, 90th percentile", _pace("high_s"), ".3f"),
    ("seconds between step lines, from outside", _pace("outside_s"), ".3f"),
    ("waiting for data, % of a step", _pace("data_share", 100), ".2f"),
    ("launch to first step, s", first_step, ".1f"),
    ("peak memory of all processes (RSS), GB", _gigabytes("rss"), ".2f"),
    ("the same, shared pages divided (PSS), GB", _gigabytes("pss"), ".2f"),
    ("of that, not mapped from files, GB", _gigabytes("without_files"), ".2f"),
)
# ratios: which of ours against LeRobot's, and whether ours is divided by theirs or theirs by ours
_RATIOS: tuple[tuple[str, VariantId, Measure, bool], ...] = (
    ("steps per second: Understudy / LeRobot", _KNOWN, steps_per_second, True),
    ("launch to first step: LeRobot / Understudy, known dataset", _KNOWN, first_step, False),
    ("launch to first step: LeRobot / Understudy, new dataset", _NEW, first_step, False),
    ("peak RSS: Understudy / LeRobot", _KNOWN, _gigabytes("rss"), True),
    ("peak PSS: Understudy / LeRobot", _KNOWN, _gigabytes("pss"), True),
    ("peak not mapped from files: Understudy / LeRobot", _KNOWN, _gigabytes("without_files"), True),
)


def side_by_side_tables(document: Document, recording: str) -> str:
    """Both tables of one recording, and a line for each run that failed."""
    records = [
        record
        for record in document["records"]
        if record["key"]["benchmark"] == "side_by_side" and record["key"]["recording"] == recording
    ]
    good = [record for record in records if "failed" not in record]
    variants = sorted({_variant(record) for record in good})
    best = best_workers(good)
    titles = {variant: _title(variant, best) for variant in variants}
    by_round = {v: {r["key"]["round"]: r for r in good if _variant(r) == v} for v in variants}
    header = ["", *(titles[v] for v in variants)]
    body = [
        [label, *(_cell([measure(r) for r in by_round[v].values()], form) for v in variants)]
        for label, measure, form in _ROWS
    ]
    parts = [markdown(header, body)] if good else []
    opponents = [v for v in variants if v[0] == "lerobot"]
    if opponents and _KNOWN in variants:
        parts.append(
            markdown(["ratio, round by round", *(titles[v] for v in opponents)], _ratio_rows(by_round, opponents))
        )
    else:
        missing = "LeRobot" if not opponents else "Understudy"
        parts.append(f"No ratios: there is no measurement of {missing}.")
    parts += [
        f"Failed: {_title(_variant(r), None)}, round {r['key']['round'] + 1}: {r['failed']}"
        for r in records
        if "failed" in r
    ]
    return "\n\n".join(parts)


def _ratio_rows(by_round: dict[VariantId, dict[int, Record]], opponents: Sequence[VariantId]) -> list[list[str]]:
    return [
        [label, *(_cell(ratios(by_round.get(ours, {}), by_round[v], measure, ours_first), ".2f") for v in opponents)]
        for label, ours, measure, ours_first in _RATIOS
    ]


def ratios(ours: dict[int, Record], theirs: dict[int, Record], measure: Measure, ours_first: bool) -> list[float]:
    """One ratio for each round that both have; `ours_first`: ours is the numerator."""
    found = []
    for number in sorted(ours.keys() & theirs.keys()):
        mine, other = measure(ours[number]), measure(theirs[number])
        if mine is not None and other is not None:
            found.append(mine / other if ours_first else other / mine)
    return found


def best_workers(records: Sequence[Record]) -> int | None:
    """The number of loader processes with which LeRobot's median seconds per step are the least."""
    seconds: dict[int, list[float]] = {}
    for record in records:
        if _variant(record)[0] == "lerobot":
            seconds.setdefault(_variant(record)[1], []).append(record["pace"]["step_s"])
    return min(seconds, key=lambda workers: statistics.median(seconds[workers])) if seconds else None


def _variant(record: Record) -> VariantId:
    variant = record["key"]["variant"]
    return variant["side"], variant["workers"], variant["first_time"]


def _title(variant: VariantId, best: int | None) -> str:
    side, workers, first_time = variant
    if side == "lerobot":
        return f"LeRobot, {workers} workers" + (" (its best)" if workers == best else "")
    return "Understudy, new dataset" if first_time else "Understudy"


def _cell(values: Sequence[float | None], form: str) -> str:
    """Median, and least and greatest where there are several: `1.52 (1.50–1.61)`."""
    known = [value for value in values if value is not None]
    if not known:
        return "—"
    middle = f"{statistics.median(known):{form}}"
    return middle if len(known) == 1 else f"{middle} ({min(known):{form}}–{max(known):{form}})"


def start_up_table(document: Document) -> str:
    """Seconds that commands take from launch to exit."""
    records = [r for r in document["records"] if r["key"]["benchmark"] == "start_up"]
    rows = [
        [f"`{r['key']['command']}`", r.get("failed") or _cell(r["seconds"], ".3f"), str(len(r.get("seconds", [])))]
        for r in records
    ]
    return markdown(["command", "seconds, median (least–greatest)", "runs"], rows)


def data_path_table(document: Document) -> str:
    """Decoding once, then gathering: one column per recording."""
    records = [r for r in document["records"] if r["key"]["benchmark"] == "data_path"]
    names = sorted({r["key"]["recording"] for r in records}, key=len)
    labels = list(dict.fromkeys((r["key"]["part"], label) for r in records for label in r.get("figures", {})))
    rows = []
    for part, label in labels:
        found = [[r for r in records if r["key"]["recording"] == n and r["key"]["part"] == part] for n in names]
        rows.append([label, *(_figure(records_[-1] if records_ else {}, label) for records_ in found)])
    table = markdown(["", *names], rows)
    failed = [f"Failed: {r['key']['part']} of {r['key']['recording']}: {r['failed']}" for r in records if "failed" in r]
    return "\n\n".join([table, *failed])


def _figure(record: Record, label: str) -> str:
    value = record.get("figures", {}).get(label)
    return "—" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def machine_line(document: Document) -> str:
    """What the numbers were measured on."""
    machine = document["machine"]
    memory = machine["memory_bytes"] / 2**30
    ours = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    line = f"{machine['cpu']}, {machine['cores']} cores, {memory:.0f} GiB; Python {machine['python']}, "
    line += f"torch {machine['torch']}, {ours}"
    theirs = machine.get("lerobot")
    if theirs:
        line += "; LeRobot's environment: " + ", ".join(f"{name} {version}" for name, version in theirs.items())
    return line


def busiest(document: Document) -> float:
    """The most that other programs used the CPU just before a run, percent."""
    return max(
        (r["cpu_busy_before_percent"] for r in document["records"] if "cpu_busy_before_percent" in r), default=0.0
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its columns right-aligned but for the first."""
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
