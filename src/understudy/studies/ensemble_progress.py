"""How the seeds come on: read from their events.jsonl as these grow, and shown as a table or as lines."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from understudy.core import log
from understudy.core.events import Event
from understudy.core.units import readable_duration
from understudy.report.events import number

from .ensemble_folder import EnsembleFolder

State = Literal["waiting", "running", "finished", "interrupted", "failed"]
# off a terminal the seeds that run are told of this often
_LINE_EVERY_S = 30.0
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Progress:
    """How far one seed is. Losses are means since the last log; None: not measured yet.

    action_error   of held-out episodes, in standard deviations of the actions
    eta_s          seconds that the updates still to come take, at the last known pace
    """

    seed: int
    state: State
    step: int = 0
    loss: float | None = None
    action_error: float | None = None
    success: str | None = None
    eta_s: float | None = None

    def cells(self, steps: int | None) -> list[str]:
        """The columns of the table."""
        return [
            str(self.seed),
            self.state,
            f"{self.step:,} of {steps:,}" if steps else "",
            _shown(self.loss),
            _shown(self.action_error),
            self.success or "",
            readable_duration(self.eta_s) if self.eta_s is not None and self.state == "running" else "",
        ]

    def line(self, steps: int | None) -> str:
        """The same in words."""
        cells = self.cells(steps)
        parts = [f"seed {self.seed}", self.state] + ([f"step {cells[2]}"] if steps else [])
        named = zip(("loss", "held-out error", "success", "left"), cells[3:], strict=True)
        return "  ".join(parts + [f"{name} {text}" for name, text in named if text])


class Follower:
    """The newest event of each kind of a run, read on as its file grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._newest: dict[str, Event] = {}
        self._step = 0

    def progress(self, seed: int, state: State, steps: int | None) -> Progress:
        """Where the run is now."""
        self._read_on()
        step, validation = self._newest.get("step", {}), self._newest.get("validation", {})
        evaluation = self._newest.get("evaluation")
        pace = [number(step.get(key)) for key in ("update_s", "data_s")]
        left = None if steps is None or None in pace else (steps - self._step) * sum(p for p in pace if p is not None)
        return Progress(
            seed,
            state,
            self._step,
            number(step.get("loss")),
            number(validation.get("action_error")),
            f"{evaluation['successes']} of {evaluation['n']}" if evaluation else None,
            left,
        )

    def _read_on(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new.rfind(b"\n") + 1
        self._offset += whole
        for line in new[:whole].splitlines():
            try:
                event: Any = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event:
                self._newest[str(event["event"])] = event
                self._step = int(event.get("step", self._step))


class Board:
    """Shows how the seeds come on: one table that renews itself on a terminal, lines elsewhere."""

    def __init__(self, folder: EnsembleFolder, seeds: Sequence[int], finished: Sequence[int]) -> None:
        self._folder = folder
        self._seeds = list(seeds)
        self._finished = set(finished)
        self._followers = {seed: Follower(folder.run(seed).events) for seed in seeds}
        self._told: dict[int, State] = {}
        self._last_look = self._last_line = 0.0
        self._live: Any = None
        if log.stream().isatty():
            self._live = _live_table()

    def show(self, running: Sequence[int], ended: Mapping[int, int]) -> None:
        """Renew what is shown; called often, it looks once a second and whenever a seed starts or ends."""
        states = {seed: self._state(seed, running, ended) for seed in self._seeds}
        now = time.monotonic()
        changed = [seed for seed in self._seeds if states[seed] != self._told.get(seed, "waiting")]
        if not changed and now - self._last_look < _LOOK_EVERY_S:
            return
        self._last_look = now
        if self._live is not None:
            self._live.update(_table([self._progress(seed, states[seed]) for seed in self._seeds]))
        else:
            due = now - self._last_line > _LINE_EVERY_S
            told = [seed for seed in self._seeds if seed in changed or (due and states[seed] == "running")]
            self._last_line = now if due else self._last_line
            for seed in told:
                progress, steps = self._progress(seed, states[seed])
                log.say(progress.line(steps))
        self._told = states

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    def _state(self, seed: int, running: Sequence[int], ended: Mapping[int, int]) -> State:
        if seed in self._finished:
            return "finished"
        if seed in ended:
            return state_of_exit(ended[seed])
        return "running" if seed in running else "waiting"

    def _progress(self, seed: int, state: State) -> tuple[Progress, int | None]:
        steps = steps_of(self._folder, seed)
        return self._followers[seed].progress(seed, state, steps), steps


def state_of_exit(code: int) -> State:
    """What became of a process that ended so. One that Ctrl-C meets while it starts is ended by the signal itself."""
    if code in (130, 143, -2, -15):
        return "interrupted"
    return "failed" if code else "finished"


def steps_of(folder: EnsembleFolder, seed: int) -> int | None:
    """How many updates the run of `seed` makes; None before it has begun."""
    try:
        steps = json.loads(folder.run(seed).config.read_bytes()).get("steps")
    except (OSError, ValueError, AttributeError):
        return None
    return steps if isinstance(steps, int) else None


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _table(rows: Sequence[tuple[Progress, int | None]]) -> Any:
    from rich.table import Table

    table = Table("seed", "state", "step", "loss", "held-out error", "success", "left", box=None, pad_edge=False)
    for progress, steps in rows:
        table.add_row(*progress.cells(steps))
    return table


def _live_table() -> Any:
    from rich.console import Console
    from rich.live import Live

    live = Live(console=Console(file=log.stream()), refresh_per_second=2)
    live.start()
    return live
