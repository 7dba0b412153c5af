"""What W&B leaves: `wandb-summary.json` (the last value of everything, `config.yaml` beside it) and CSV exports."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from understudy.core.errors import DataError

from .metric_names import events_of, is_step
from .parsed import ParsedLog

# where a configuration of LeRobot's or of a home-made loop keeps them
_FACTS = {
    "batch_size": ("batch_size", "datamodule.batch_size", "training.batch_size"),
    "total_steps": ("steps", "training.steps", "offline.steps"),
    "log_freq": ("log_freq",),
    "policy": ("policy.type",),
    "dataset": ("dataset.repo_id", "datamodule.id"),
    "chunk_size": ("policy.chunk_size",),
    "kl_weight": ("policy.kl_weight",),
    "save_freq": ("save_freq",),
}


def read_wandb_summary(path: Path) -> ParsedLog:
    """The last values of a run. Raises DataError for a file that is no JSON object."""
    try:
        summary = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"the summary cannot be read: {error}", where=str(path)) from error
    if not isinstance(summary, dict):
        raise DataError("the summary is no JSON object", where=str(path))
    log = ParsedLog("W&B summary", facts=_facts(path.with_name("config.yaml")))
    flat = {
        name: value for name, value in _flat(summary) if isinstance(value, int | float) and not isinstance(value, bool)
    }
    # of several counters the trainer's own: W&B's `_step` counts calls of its log function
    steps = [name for name in flat if is_step(name)]
    steps.sort(key=lambda name: name.startswith("_"))
    events = events_of({n: value for n, value in flat.items() if not is_step(n) and not n.startswith("_")})
    log.metric_lines = 1
    log.read_lines = int(bool(events))
    for event in events:
        event["step"] = float(flat[steps[0]]) if steps else 0.0
        if isinstance(summary.get("_timestamp"), int | float):
            event["time"] = float(summary["_timestamp"])
    log.events = events
    return log


def read_csv_export(path: Path) -> ParsedLog:
    """A table exported from a W&B chart: a column of steps, then `RUN - metric`, its minimum and its maximum.

    Of several runs in one table the one with the most rows is read. Raises DataError for a table without steps.
    """
    try:
        with path.open(newline="", errors="replace") as file:
            rows = list(csv.DictReader(file))
    except csv.Error as error:
        raise DataError(f"the table cannot be read: {error}", where=str(path)) from error
    columns = [name for name in (rows[0] if rows else {}) if name]
    counter = next((name for name in columns if is_step(name.rpartition(" - ")[2])), None)
    if counter is None:
        raise DataError(
            "the table has no column of steps", where=str(path), hint='a W&B export has a column called "Step"'
        )
    log = ParsedLog("CSV export")
    metrics = [n for n in columns if n != counter and not n.endswith(("__MIN", "__MAX")) and not is_step(n)]
    chosen = _longest_run(rows, metrics)
    for row in rows:
        step = _number(row[counter])
        values = {n.rpartition(" - ")[2]: v for n in chosen if (v := _number(row.get(n))) is not None}
        if step is None or not any(row.values()):
            continue
        log.metric_lines += bool(values)
        events = events_of(values)
        log.read_lines += bool(events)
        log.events += [event | {"step": step} for event in events]
    log.events.sort(key=lambda event: event["step"])
    return log


def _longest_run(rows: list[dict[str, str]], metrics: list[str]) -> list[str]:
    by_run: dict[str, list[str]] = {}
    for name in metrics:
        by_run.setdefault(name.rpartition(" - ")[0], []).append(name)
    return max(by_run.values(), key=lambda names: sum(bool(row.get(n)) for n in names for row in rows), default=[])


def _facts(path: Path) -> dict[str, Any]:
    """What `config.yaml` says; {} where there is none or it cannot be read. W&B wraps each value as {value: ...}."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError):
        return {}
    if not isinstance(content, dict):
        return {}
    plain = {k: v["value"] if isinstance(v, dict) and "value" in v else v for k, v in content.items()}
    flat = dict(_flat(plain))
    facts: dict[str, Any] = {}
    for name, places in _FACTS.items():
        found = next((flat[place] for place in places if isinstance(flat.get(place), int | float | str)), None)
        if found is not None:
            facts[name] = found
    if "policy.pretrained_path" in flat:
        facts["pretrained"] = flat["policy.pretrained_path"] or ""
    return facts


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted name, value) of every leaf."""
    leaves: list[tuple[str, Any]] = []
    for name, value in tree.items():
        if isinstance(value, dict) and "_type" in value:
            continue  # a picture or a table, not a number
        if isinstance(value, dict):
            leaves += _flat(value, f"{prefix}{name}.")
        else:
            leaves.append((f"{prefix}{name}", value))
    return leaves


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
