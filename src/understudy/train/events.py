"""EventLog: the append-only events.jsonl of a run. Written here, read by everything that looks at a run.

One JSON object a line, each with `event`, `time` (Unix seconds) and `step` (optimiser steps done). A line is written
with one system call and taken back whole if the disk is full, so only a power failure can tear the last line; a torn
line left by a killed run is cut off before a resumed run appends.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from understudy.core.events import NAMES
from understudy.core.files import append_whole, cut_torn_line, full_disk_reported


class Sink(Protocol):
    """A reader of events: console, TensorBoard, W&B, trackio."""

    def event(self, event: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class EventLog:
    """Appends events to a file and shows each to the sinks. Safe to use from several threads."""

    def __init__(self, path: Path, sinks: Sequence[Sink] = ()) -> None:
        self.path = path
        self.sinks = list(sinks)
        self._lock = threading.Lock()
        cut_torn_line(path)
        with full_disk_reported(path, path.name):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, event: str, step: int, **keys: Any) -> None:
        """Write one event. Raises DiskFull, after which the file ends with the last whole line."""
        assert event in NAMES, event
        record = {"event": event, "time": time.time(), "step": step, **keys}
        line = (json.dumps(jsonable(record), ensure_ascii=False) + "\n").encode()
        with self._lock:
            with full_disk_reported(self.path, self.path.name):
                append_whole(self._descriptor, line)
            for sink in self.sinks:
                sink.event(record)

    def close(self) -> None:
        """Close the file and the sinks; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            for sink in self.sinks:
                sink.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def jsonable(value: Any) -> Any:
    """`value` for JSON: numbers that are not finite become the strings "NaN", "Infinity", "-Infinity"."""
    if isinstance(value, dict):
        return {str(key): jsonable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Path):
        return str(value)
    return value
