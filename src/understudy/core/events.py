"""The events of a run: their names, and how a file of them is read. (train/events.py writes it.)

One JSON object a line. The last line may be torn, because a run can be killed while writing it; numbers that JSON
cannot hold are spelled "NaN", "Infinity", "-Infinity".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .event_keys import KEYS

Event = dict[str, Any]

NAMES = tuple(KEYS)


def read_events(path: Path) -> list[Event]:
    """Every whole event of the file, in order; [] when there is no file."""
    if not path.exists():
        return []
    found = (parse_event(line) for line in path.read_bytes().split(b"\n"))
    return [event for event in found if event is not None]


def parse_event(line: bytes) -> Event | None:
    """The event in a line; None when it is torn, or not an event at all."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
