"""RunList: every run below the served folders, with what a table says of it.

A thousand folders are listed in a third of a second, because of each log only its begin and its end are read, and later
only of those that have changed. Folders of `lerobot-train`, which have no events.jsonl, are listed with what they hold.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.core.events import NAMES, Event, parse_event
from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder
from understudy.data.tree import has_info
from understudy.report.events import lookup, number
from understudy.report.judgements import Judgement

from .tree_walk import is_run, walk

# the longest first line, and how much of a log's end is looked at
_LINE, _END = 1 << 16, 1 << 16
# other programs' own folders, with thousands of files and no run among them
_CLOSED = {"wandb", "node_modules"}
_OF_A_DATASET = {"meta", "data", "videos", "images"}
# telemetry is written every few seconds, so a log that rested for so long belongs to a run that was killed
_ALIVE_S = 90.0
_STATES = ("started", "resumed", "finished", "interrupted", "failed")


@dataclass(frozen=True)
class RunRow:
    """What the table says of a run. Numbers that are not known are None.

    state      running, finished, interrupted, failed, or silent: it says nothing any more and never said why
    success    successes and episodes of the newest evaluation in simulation
    began      Unix seconds
    """

    path: Path
    state: str
    policy: str
    dataset: str
    step: int
    steps: int | None
    loss: float | None
    held_out: float | None
    success: tuple[int, int] | None
    began: float | None
    seconds: float | None


class RunList:
    """The runs below some folders. `rows` looks again at what has changed since it was last called."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._known: dict[Path, tuple[tuple[int, ...], RunRow]] = {}

    def rows(self) -> list[RunRow]:
        """Every run, the newest first."""
        found = {}
        now = time.time()
        for folder in (folder for root in self._roots for folder in find_runs(root)):
            stamp = _stamp(folder)
            known = self._known.get(folder)
            fresh = known is not None and known[0] == stamp and (known[1].state != "running" or _is_alive(folder, now))
            found[folder] = known if known is not None and fresh else (stamp, read_row(folder, now))
        self._known = found
        return sorted((row for _, row in found.values()), key=lambda row: -(row.began or 0.0))


def find_runs(root: Path) -> Iterator[Path]:
    """Every run folder at or below `root`, in the order of their names."""
    return walk(root, lambda _, names: is_run(names), _closed)


def _closed(folder: Path, names: set[str]) -> set[str]:
    """What is not entered: anybody may call a folder of runs `data`, but in a dataset it holds none."""
    return _CLOSED | _OF_A_DATASET if "meta" in names and has_info(folder) else _CLOSED


def read_row(folder: Path, now: float) -> RunRow:
    """The row of one run, from the begin and the end of its log."""
    run = RunFolder(folder)
    ends = _both_ends(run.events)
    config = json_or_empty(run.config)
    started, step = ends.get("run_started", {}), ends.get("step", {})
    began = number(started.get("time"))
    last = max((number(event.get("time")) or 0.0 for event in ends.values()), default=0.0)
    saved = run.saved_checkpoints() if not ends else []
    return RunRow(
        path=folder,
        state=_state(ends, folder, now),
        policy=str(lookup(started, "policy.type") or lookup(config, "policy.type") or ""),
        dataset=str(lookup(started, "dataset.repo_id") or lookup(config, "dataset.repo_id") or ""),
        step=int(number(step.get("step")) or (int(saved[-1].name) if saved else 0)),
        steps=None if (total := number(config.get("steps"))) is None else int(total),
        loss=number(step.get("loss")),
        held_out=number(ends.get("validation", {}).get("action_error")),
        success=_success(ends, run),
        began=began,
        seconds=last - began if began else None,
    )


def _state(ends: dict[str, Event], folder: Path, now: float) -> str:
    told = {state: number(ends[f"run_{state}"].get("time")) for state in _STATES if f"run_{state}" in ends}
    newest = max(told, key=lambda state: told[state] or 0.0, default="")
    if newest in ("finished", "interrupted", "failed"):
        return newest
    return "running" if _is_alive(folder, now) else "silent"


def _is_alive(folder: Path, now: float) -> bool:
    try:
        return now - RunFolder(folder).events.stat().st_mtime < _ALIVE_S
    except OSError:
        return False


def _success(ends: dict[str, Event], run: RunFolder) -> tuple[int, int] | None:
    """Of the newest evaluation in simulation: one in the folder, else one that was made while training."""
    places = [(path.stat().st_mtime, path) for path in run.eval.glob("*/summary.json")] if run.eval.is_dir() else []
    judged = [Judgement(path.parent, json_or_empty(path)) for _, path in sorted(places, reverse=True)]
    told = [judgement.summary for judgement in judged if judgement.is_own]
    for summary in [*told, ends.get("evaluation", {})]:
        successes, n = number(summary.get("successes")), number(summary.get("n"))
        if successes is not None and n:
            return int(successes), int(n)
    return None


def _both_ends(path: Path) -> dict[str, Event]:
    """By name the last event of each kind in the last kilobytes of the log, and `run_started` from its begin."""
    try:
        with path.open("rb") as file:
            begin = file.readline(_LINE)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END))
            end = file.read()
    except OSError:
        return {}
    found = {}
    for name in NAMES:
        place = end.rfind(f'"event": "{name}"'.encode())
        if place >= 0:
            line = end[end.rfind(b"\n", 0, place) + 1 :].partition(b"\n")[0]
            if (event := parse_event(line)) is not None and event["event"] == name:
                found[name] = event
    first = parse_event(begin)
    if first is not None and first["event"] == "run_started":
        found["run_started"] = first
    return found


def _stamp(folder: Path) -> tuple[int, ...]:
    """Changes when something that a row tells of has changed."""
    run, stamp = RunFolder(folder), []
    for path in (run.events, run.config, run.eval, run.checkpoints):
        try:
            facts = path.stat()
            stamp += [facts.st_mtime_ns, facts.st_size]
        except OSError:
            stamp += [0, 0]
    return tuple(stamp)
