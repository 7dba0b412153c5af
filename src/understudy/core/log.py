"""What the program says to a person: lines, warnings, and progress that suits where it is shown.

On a terminal and in a notebook progress is a live bar; elsewhere (CI, a file) it is a plain line now and then. With
`--json` stdout belongs to the one document, so everything said here goes to stderr.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TextIO

from .live_bar import LiveBar, live_bar
from .units import readable_duration

PLAIN_LINE_EVERY_S = 10.0

_to_stderr = False
_nobody: TextIO | None = None
_listener: TextIO | None = None
_warned: set[str] = set()


def talk_on_stderr() -> None:
    """From now on everything is said on stderr: stdout is kept for one JSON document."""
    global _to_stderr
    _to_stderr = True


def hush(quiet: bool = True) -> None:
    """From now on this process says nothing (or speaks again): of several that do one work, one speaks for all."""
    global _nobody
    if _nobody is not None:
        _nobody.close()
    _nobody = Path(os.devnull).open("w") if quiet else None  # noqa: SIM115


def is_hushed() -> bool:
    """Whether another process speaks for this one."""
    return _nobody is not None


@contextlib.contextmanager
def heard_by(listener: TextIO) -> Iterator[None]:
    """Inside, everything is said to `listener`: of several runs in one process, each speaks into its own file."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def stream() -> TextIO:
    """Where people read."""
    return _listener or _nobody or (sys.stderr if _to_stderr else sys.stdout)


def error_stream() -> TextIO:
    """Where people read of trouble."""
    return _listener or _nobody or sys.stderr


def say(text: str = "") -> None:
    """One line for the person at the keyboard."""
    print(text, file=stream(), flush=True)


def warn(text: str) -> None:
    """A warning, on stderr, each text once per process."""
    if text not in _warned:
        _warned.add(text)
        print(f"warning: {text}", file=error_stream(), flush=True)


class Advance(Protocol):
    """Call it with how much was done since the last call, and optionally a few words on the current state."""

    def __call__(self, amount: float = 1, note: str = "") -> None: ...


@contextlib.contextmanager
def progress(label: str, total: float, unit: str) -> Iterator[Advance]:
    """Show how far a long piece of work is, with its rate and the time left."""
    bar = live_bar(stream(), label, total, unit)
    with _lines(label, total, unit) if bar is None else _live(bar, unit) as advance:
        yield advance


@contextlib.contextmanager
def _live(bar: LiveBar, unit: str) -> Iterator[Advance]:
    started = time.monotonic()
    done = 0.0

    def advance(amount: float = 1, note: str = "") -> None:
        nonlocal done
        done += amount
        bar.update(done, f"{done / max(time.monotonic() - started, 1e-9):.1f} {unit}/s", note)

    with contextlib.closing(bar):
        yield advance


@contextlib.contextmanager
def _lines(label: str, total: float, unit: str) -> Iterator[Advance]:
    started = last = time.monotonic()
    done = 0.0

    def advance(amount: float = 1, note: str = "") -> None:
        nonlocal done, last
        done += amount
        now = time.monotonic()
        if now - last < PLAIN_LINE_EVERY_S:
            return
        last = now
        rate = done / (now - started)
        left = readable_duration((total - done) / rate) if rate > 0 else "unknown time"
        say(f"{label}: {done:.0f} of {total:.0f} {unit}, {rate:.1f} {unit}/s, {left} left{'  ' + note if note else ''}")

    yield advance
