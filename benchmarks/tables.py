"""Markdown tables from a result document. Nothing here measures: one document gives the same tables anywhere."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]
Record = dict[str, Any]


def cell(values: Sequence[float | None], form: str) -> str:
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
        [f"`{r['key']['command']}`", r.get("failed") or cell(r["seconds"], ".3f"), str(len(r.get("seconds", [])))]
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
    bf16 = " and ".join(machine["bf16_instructions"]) or "no instructions for bf16"
    line = f"{machine['cpu']}, {machine['cores']} cores, {bf16}, {memory:.0f} GiB; Python {machine['python']}, "
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
