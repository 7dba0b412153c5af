"""RunView: a training as rules see it, whether it was ours, LeRobot's, or somebody's own loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.events import Event, read_events
from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder
from understudy.report.events import History, history_of, lookup, number, series

from .logs.parsed import ParsedLog
from .logs.read import read_log


@dataclass(frozen=True)
class RunView:
    """What is known of a training.

    history   steps, validations, evaluations, telemetry; each step once
    facts     by name, each absent where it is not known: total_steps, batch_size (of one update), frames and episodes
              (trained on), policy, chunk_size, kl_weight, grad_clip, lr, save_freq, save_minutes, log_freq,
              pretrained (a path or name, or ""), from_scratch (whether that was asked for), precision (fp32, bf16,
              fp16), memory_bytes and gpu_memory_bytes (there are)
    ended     finished, interrupted, failed, or "" where nothing says so
    events    all of them
    log       of a foreign log: how it was read
    """

    name: str
    history: History
    facts: dict[str, Any] = field(default_factory=dict)
    ended: str = ""
    events: tuple[Event, ...] = ()
    log: ParsedLog | None = None

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of a number in the `step` events, float64; of equal length, empty where it is not logged."""
        return series(self.history.steps, name)

    def held_out(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of a number in the `validation` events."""
        return series(self.history.validations, name)

    def measured(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(Unix seconds, values) of a number in the `telemetry` events."""
        return series(self.history.telemetry, name, x="time")

    def fact(self, name: str) -> float | None:
        """A fact that is a number; None where it is not known."""
        return number(self.facts.get(name))

    @property
    def last_step(self) -> float:
        """Updates done, as far as is known."""
        steps = self.series("step")[0]
        return float(steps[-1]) if len(steps) else 0.0


def view_of_run(folder: RunFolder) -> RunView:
    """The view of a run folder of ours."""
    events = read_events(folder.events)
    return view_of_events(folder.path.name, events, json_or_empty(folder.config))


def view_of_events(name: str, events: list[Event], config: dict[str, Any]) -> RunView:
    """The view of a run's events and its complete configuration."""
    history = history_of(events)
    started = history.started
    batch = number(config.get("batch_size"))
    trained_part = lookup(config, "policy.vlm_model_name") if lookup(config, "policy.load_vlm_weights") else None
    facts = {
        "total_steps": config.get("steps"),
        "batch_size": None if batch is None else batch * (number(config.get("grad_accumulation_steps")) or 1),
        **_trained_on(history),
        "policy": lookup(config, "policy.type"),
        "chunk_size": lookup(config, "policy.chunk_size"),
        "kl_weight": lookup(config, "policy.kl_weight"),
        "grad_clip": lookup(config, "optimizer.grad_clip_norm"),
        "lr": lookup(config, "optimizer.lr") or lookup(config, "policy.optimizer_lr"),
        "save_freq": config.get("save_freq"),
        "save_minutes": config.get("save_minutes"),
        "log_freq": config.get("log_freq"),
        "pretrained": lookup(config, "policy.pretrained_path") or trained_part or "",
        "from_scratch": bool(lookup(config, "policy.from_scratch")),
        "precision": started.get("precision"),
        "memory_bytes": lookup(started, "machine.memory_bytes"),
        "gpu_memory_bytes": lookup(started, "machine.gpu_memory_bytes"),
    }
    ends = [event["event"] for event in events if event["event"].startswith("run_")]
    ended = ends[-1].removeprefix("run_") if ends and ends[-1] not in ("run_started", "run_resumed") else ""
    return RunView(name, history, {k: v for k, v in facts.items() if v is not None}, ended, tuple(events))


def _trained_on(history: History) -> dict[str, float | None]:
    """Episodes and frames that windows are drawn from: the dataset's, without what is held out."""
    found = {name: number(lookup(history.started, f"dataset.{name}")) for name in ("episodes", "frames")}
    last = history.steps[-1] if history.steps else {}
    # windows so far, in windows, episodes and passes over what is trained on
    passes = number(last.get("epochs"))
    for name, counted in (("episodes", "episodes"), ("frames", "samples")):
        if passes and (windows := number(last.get(counted))):
            found[name] = round(windows / passes)
    return found


def view_of_log(path: Path) -> RunView:
    """The view of a foreign log. Raises DataError where no numbers of a training are found in it."""
    log = read_log(path)
    facts: dict[str, Any] = dict(log.facts)
    if "frames" not in facts and log.events:
        last = next((event for event in reversed(log.events) if event.get("epochs") and event.get("samples")), None)
        if last is not None:
            facts["frames"] = round(last["samples"] / last["epochs"])
    ended = {True: "finished", False: "", None: ""}[log.ends_whole]
    return RunView(path.name, history_of(log.events), facts, ended, tuple(log.events), log)
