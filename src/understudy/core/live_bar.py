"""Live progress: a bar on a terminal, one display that is updated in place in a notebook, nothing elsewhere.

A notebook keeps every line that was ever printed, and is no terminal that could overwrite one; what it can do is to
show something else in a place that it has given out. rich's bars would need ipywidgets there.
"""

from __future__ import annotations

import html
import sys
import time
from typing import Any, Protocol, TextIO

from .units import readable_duration

_REDRAWN_EVERY_S = 0.2


class LiveBar(Protocol):
    """Progress that is shown in one place. `keeps_notes`: a line that will soon be old is better a note than said."""

    keeps_notes: bool

    def update(self, done: float, rate: str = "", note: str = "") -> None:
        """So much is done, at this rate; a few words on the present state."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def close(self) -> None:
        """It is over. May be called twice."""


def live_bar(stream: TextIO, label: str, total: float, unit: str, done: float = 0) -> LiveBar | None:
    """The bar that suits where `stream` is read; None where only lines do."""
    if stream is sys.stdout and in_notebook():
        return NotebookBar(label, total, unit, done)
    return TerminalBar(stream, label, total, unit, done) if stream.isatty() else None


def in_notebook() -> bool:
    """Whether what is printed ends up below a cell: IPython runs, and a front end asked it to through a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class TerminalBar:
    """rich's bar, which leaves nothing behind."""

    keeps_notes = False

    def __init__(self, stream: TextIO, label: str, total: float, unit: str, done: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bar = Progress(*columns, console=Console(file=stream), transient=True)
        self._task = self._bar.add_task(label, total=total, completed=int(done), rate="", note="")
        self._bar.start()

    def update(self, done: float, rate: str = "", note: str = "") -> None:
        self._bar.update(self._task, completed=done, rate=rate, note=note)

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()


class NotebookBar:
    """A display of its own below the cell, redrawn a few times a second; the last state of it stays."""

    keeps_notes = True

    def __init__(self, label: str, total: float, unit: str, done: float) -> None:
        from IPython.display import display

        self._label, self._total, self._unit = label, total, unit
        self._first = self._done = done
        self._rate = self._note = ""
        self._began = self._drawn = time.monotonic()
        self._open = True
        self._handle: Any = display(self._bundle(), raw=True, display_id=True)

    def update(self, done: float, rate: str = "", note: str = "") -> None:
        self._done, self._rate, self._note = done, rate, note or self._note
        if time.monotonic() - self._drawn >= _REDRAWN_EVERY_S:
            self._drawn = time.monotonic()
            self._handle.update(self._bundle(), raw=True)

    def say(self, text: str) -> None:
        print(text, flush=True)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        """What is shown, as a page has it and as text."""
        words = f"{self._done:,.0f} of {self._total:,.0f} {self._unit}  {self._rate}  {self._time()}"
        head = f"<b>{html.escape(self._label)}</b> <progress max='{self._total}' value='{self._done}'></progress>"
        note = f"<br><code style='font-size: smaller'>{html.escape(self._note)}</code>" if self._note else ""
        return {
            "text/plain": f"{self._label}: {words}" + (f"\n{self._note}" if self._note else ""),
            "text/html": f"<div>{head} {html.escape(words)}{note}</div>",
        }

    def _time(self) -> str:
        seconds = time.monotonic() - self._began
        if not self._open:
            return f"in {readable_duration(seconds)}"
        made = self._done - self._first
        return f"{readable_duration(seconds * (self._total - self._done) / made)} left" if made > 0 else ""
