"""What another program left of a training (a log, LeRobot's output folder) -> what everything that looks at runs reads.

LeRobot's folder holds checkpoints, each with its `train_config.json`, and W&B's files if it was used; both are told of,
as far as they go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.core.errors import DataError
from understudy.core.events import Event
from understudy.core.files import folder_written_atomically, json_or_empty
from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.diagnose.run_view import RunView, view_of_log
from understudy.report.events import History, section

_FEATURES = ("episodes", "frames")


@dataclass(frozen=True)
class ForeignRun:
    """Events as ours, and options by our names (which are LeRobot's), both as far as they are known."""

    events: list[Event]
    config: dict[str, Any]


def read_foreign(path: Path) -> ForeignRun:
    """The training that `path` tells of: a log, a folder that holds one, or LeRobot's output folder.

    Raises DataError where it tells of none.
    """
    checkpoints = RunFolder(path).saved_checkpoints()
    config = json_or_empty(checkpoints[-1] / PRETRAINED / "train_config.json") if checkpoints else {}
    try:
        view = view_of_log(path)
    except DataError:
        if not config:
            raise
        view = RunView(path.name, History())
    config = config or _config(view)
    first = min((event["time"] for event in view.events if "time" in event), default=0.0)
    events = [_started(view, config, path, checkpoints), *view.events, *(_saved(folder) for folder in checkpoints)]
    if view.ended == "finished":
        events.append({"event": "run_finished", "step": int(view.last_step)})
    return ForeignRun([{"time": first, **event} for event in events], config)


def run_from_log(path: Path, folder: Path) -> RunFolder:
    """Write what `path` tells of into the new `folder`. Raises DataError where it tells of nothing, DiskFull."""
    found = read_foreign(path)
    with folder_written_atomically(folder) as temporary:
        run = RunFolder(temporary)
        run.events.write_text("".join(json.dumps(event) + "\n" for event in found.events))
        run.config.write_text(json.dumps(found.config, indent=2) + "\n")
    return RunFolder(folder)


def _started(view: RunView, config: dict[str, Any], path: Path, checkpoints: list[Path]) -> Event:
    name = path.absolute().name.removesuffix(".log")
    told = f"another program, as told by {path.absolute().name}"
    started: Event = {"event": "run_started", "step": 0, "name": name}
    started["command"] = f"{told} ({view.log.format})" if view.log is not None else f"{told} (checkpoints, no log)"
    known = {name: view.facts[name] for name in _FEATURES if name in view.facts}
    if repo_id := section(config, "dataset").get("repo_id"):
        started["dataset"] = {"repo_id": repo_id, **known}
    if policy := section(config, "policy").get("type"):
        started["policy"] = {"type": policy, **(_size(checkpoints[-1] / PRETRAINED) if checkpoints else {})}
    return started


def _size(checkpoint: Path) -> dict[str, int]:
    """How many numbers were trained, where the policy is one that is known here."""
    from understudy.policies.facts import read_checkpoint

    try:
        count = read_checkpoint(checkpoint).parameters
    except DataError:
        return {}
    return {} if count is None else {"trainable_parameters": count}


def _config(view: RunView) -> dict[str, Any]:
    """What a log's header says of the options."""
    facts, config = view.facts, dict[str, Any]()
    if "dataset" in facts:
        config["dataset"] = {"repo_id": facts["dataset"]}
    if "policy" in facts:
        config["policy"] = {"type": facts["policy"]}
    for fact, option in (("total_steps", "steps"), ("batch_size", "batch_size"), ("log_freq", "log_freq")):
        if fact in facts:
            config[option] = facts[fact]
    return config


def _saved(folder: Path) -> Event:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"event": "checkpoint", "step": int(folder.name), "path": str(folder), "bytes": size}
