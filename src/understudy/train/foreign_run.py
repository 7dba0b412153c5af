"""A run folder made of somebody else's log, so that everything that looks at runs can look at it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from understudy.core.files import write_atomically
from understudy.core.run_folder import RunFolder
from understudy.diagnose.run_view import view_of_log


def run_from_log(log: Path, folder: Path) -> RunFolder:
    """Write the events that `log` tells of into the new `folder`. Raises DataError where it tells of none, DiskFull."""
    view = view_of_log(log)
    assert view.log is not None
    first = min((event["time"] for event in view.events if "time" in event), default=0.0)
    known = {name: view.facts[name] for name in ("episodes", "frames") if name in view.facts}
    started: dict[str, Any] = {
        "event": "run_started",
        "step": 0,
        "time": first,
        "name": log.stem,
        "command": f"another program, as told by {log.name} ({view.log.format})",
    }
    if "dataset" in view.facts:
        started["dataset"] = {"repo_id": view.facts["dataset"], **known}
    if "policy" in view.facts:
        started["policy"] = {"type": view.facts["policy"]}
    events = [started, *({"time": first, **event} for event in view.events)]
    folder.mkdir(parents=True)
    write_atomically(RunFolder(folder).events, "".join(json.dumps(event) + "\n" for event in events))
    return RunFolder(folder)
