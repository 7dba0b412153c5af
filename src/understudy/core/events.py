"""The events of a run: their names, and how a file of them is read. (train/events.py writes it.)

One JSON object a line. The last line may be torn, because a run can be killed while writing it; numbers that JSON
cannot hold are spelled "NaN", "Infinity", "-Infinity".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Event = dict[str, Any]

NAMES = (
    "run_started",
    "run_resumed",
    "step",
    "validation",
    "telemetry",
    "checkpoint",
    "finding",
    "evaluation",
    "run_finished",
    "run_interrupted",
    "run_failed",
)


def read_events(path: Path) -> list[Event]:
    """Every whole event of the file, in order; [] when there is no file."""
    if not path.exists():
        return []
    events = []
    for line in path.read_bytes().split(b"\n"):
        try:
            event = json.loads(line)
        except ValueError:  # torn, or not text at all
            continue
        if isinstance(event, dict) and "event" in event:
            events.append(event)
    return events
