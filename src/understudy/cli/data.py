"""`understudy data info SOURCE`: what a dataset holds, and where it departs from the format. Decodes no video.

(`understudy data import` is in data_import.py, `understudy data cache` in data_cache.py.)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError, nearest
from understudy.core.units import readable_bytes, readable_duration

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

ACTIONS = {
    "info": "what a dataset holds",
    "import": "a dataset from the pendulum's arrays",
    "cache": "what is kept of datasets from run to run, and the clearing of it",
}

_SHOWN_TASKS = 10
_SHOWN_NAMES = 8


class DataInfoOptions(Options):
    """Tells what a dataset holds: version, episodes, features, cameras, tasks, size, and deviations from the format."""

    source: str = Field(min_length=1, description="folder of the dataset, or user/name: LeRobot's caches, then the Hub")
    root: Path | None = Field(None, description="folder that holds the dataset, when SOURCE is only its name")
    revision: str | None = Field(None, description="version on the Hub: a tag, branch or commit")
    episodes: list[Annotated[int, Field(ge=0)]] | None = Field(None, description="look at these only; null: all")
    tolerance_s: float | None = Field(
        None, gt=0, description="how far a timestamp may be off, seconds; null: reported, not checked"
    )


def run(arguments: list[str]) -> int:
    """Exit code 0. Raises ConfigError for an unknown action, DataError for a dataset that cannot be read."""
    action = arguments[0] if arguments else ""
    if action in ("-h", "--help"):
        lines = "\n".join(f"  {name:<8}{does}" for name, does in ACTIONS.items())
        print(f"usage: understudy data ACTION [--name=value ...]\n\n{lines}\n\nunderstudy data info --help")
        return 0
    if action not in ACTIONS:
        guess = nearest(action, ACTIONS) or "info"
        what = f"`data {action}`: unknown action" if action else "`data` needs to know what to do"
        raise ConfigError(what, hint=f"did you mean `understudy data {guess}`?")
    if action == "import":
        from .data_import import run_import

        return run_import(arguments[1:])
    if action == "cache":
        from .data_cache import run_cache

        return run_cache(arguments[1:])
    options = parse_options(DataInfoOptions, arguments[1:], positionals=["source"], verb="data info")
    if options.as_json:
        log.talk_on_stderr()
    from understudy.data.lerobot import load_dataset

    dataset = load_dataset(
        options.source,
        root=options.root,
        revision=options.revision,
        episodes=options.episodes,
        tolerance_s=options.tolerance_s,
    )
    if options.as_json:
        print(json.dumps(as_document(dataset), indent=2))
    else:
        log.say(as_text(dataset))
    return 0


def as_document(dataset: Dataset) -> dict[str, Any]:
    """The JSON document of `--json`."""
    features = {
        name: {"type": feature.type.value, "shape": list(feature.shape), "names": list(feature.names)}
        for name, feature in dataset.spec.features.items()
    }
    others = {
        name: {"type": None, "shape": [values.shape[1]], "names": []}
        for name, values in dataset.columns.items()
        if name not in features
    }
    return {
        "repo_id": dataset.repo_id,
        "root": str(dataset.root),
        "version": dataset.version,
        "robot_type": dataset.info.get("robot_type"),
        "episodes": len(dataset.episodes),
        "frames": dataset.num_rows,
        "fps": dataset.fps,
        "features": features | others,
        "cameras": {camera: camera_facts(dataset, camera) for camera in dataset.spec.cameras},
        "tasks": dataset.tasks,
        "bytes": dataset.bytes,
        "fingerprint": dataset.fingerprint,
        "warnings": dataset.warnings,
    }


def camera_facts(dataset: Dataset, camera: str) -> dict[str, Any]:
    """Size and storage of a camera; `codec` as info.json says it, else as the first file does, "image" for pictures."""
    _, height, width = dataset.spec.features[camera].shape
    facts: dict[str, Any] = {"height": height, "width": width}
    first = dataset.episodes[0].videos.get(camera)
    if first is None:
        return facts | {"stored_as": "image", "codec": "image"}
    codec = dataset.declared_facts(camera).get("video.codec")
    if not isinstance(codec, str):
        from understudy.data.video import probe

        codec = probe(first.path).codec
    return facts | {"stored_as": "video", "codec": codec}


def as_text(dataset: Dataset) -> str:
    """The same for a person."""
    lengths = [episode.length for episode in dataset.episodes]
    duration = readable_duration(dataset.num_rows / dataset.fps)
    rows = [
        ("dataset", dataset.repo_id),
        ("folder", str(dataset.root)),
        ("version", f"{dataset.version}, robot {dataset.info.get('robot_type') or 'not named'}"),
        ("episodes", f"{len(lengths):,} of {min(lengths):,} to {max(lengths):,} frames"),
        ("frames", f"{dataset.num_rows:,} at {dataset.fps:g} fps: {duration}"),
        ("size", readable_bytes(dataset.bytes)),
        ("fingerprint", dataset.fingerprint),
    ]
    lines = [f"{label:<12} {text}" for label, text in rows]
    lines += ["", *_feature_lines(dataset), "", f"{'tasks':<12} {len(dataset.tasks)}"]
    lines += [f"  {task or '(none)'}" for task in dataset.tasks[:_SHOWN_TASKS]]
    if len(dataset.tasks) > _SHOWN_TASKS:
        lines.append(f"  ... and {len(dataset.tasks) - _SHOWN_TASKS} more")
    lines += ["", "deviations" if dataset.warnings else "deviations   none"]
    return "\n".join(lines + [f"  {warning}" for warning in dataset.warnings])


def _feature_lines(dataset: Dataset) -> list[str]:
    table = [("feature", "to a policy", "shape", "")]
    for name, feature in dataset.spec.features.items():
        if name in dataset.spec.cameras:
            facts = camera_facts(dataset, name)
            said = f"{facts['width']}x{facts['height']}, {facts['codec']}"
        else:
            said = _shortened(feature.names)
        table.append((name, feature.type.value, "x".join(map(str, feature.shape)), said))
    for name, values in dataset.columns.items():
        if name not in dataset.spec.features:
            table.append((name, "-", str(values.shape[1]), ""))
    widths = [max(len(row[i]) for row in table) for i in range(3)]
    return [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip() for row in table
    ]


def _shortened(names: Sequence[str]) -> str:
    more = f", ... ({len(names)})" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
