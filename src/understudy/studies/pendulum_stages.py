"""What has been done already, so that a study which was stopped goes on where it was.

A stage leaves `stages/NAME.json` with the hash of what it was made from. The same inputs again: it is skipped. Others,
or none of its file there: it is done (again). What a stage writes itself is whole or not there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from understudy.core import log
from understudy.core.errors import ConfigError, DataError
from understudy.core.files import check_place, json_or_empty, write_atomically
from understudy.core.units import readable_duration

from .pendulum_config import PendulumStudy


class Stages:
    """The stages of one study."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, name: str, inputs: Mapping[str, Any], work: Callable[[], object]) -> None:
        """Do `work` unless it was done with the same inputs."""
        stamp, wanted = self._folder / f"{name}.json", digest(inputs)
        if json_or_empty(stamp).get("inputs") == wanted:
            log.say(f"{name:<10} done already")
            return
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(stamp, json.dumps({"inputs": wanted, "seconds": seconds}) + "\n")
        log.say(f"{name:<10} {readable_duration(seconds)}")

    def seconds(self) -> dict[str, float]:
        """How long each stage took, by the clock, when it was last worked on."""
        found = {path.stem: json_or_empty(path).get("seconds") for path in sorted(self._folder.glob("*.json"))}
        return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def digest(inputs: Mapping[str, Any]) -> str:
    """16 hex digits that are equal for equal inputs."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """16 hex digits of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def check_folder(study: PendulumStudy) -> None:
    """Raises ConfigError when something else, or another study, is in the folder; DataError when it is damaged."""
    check_place(study.folder, "--output_dir")
    if not study.record.exists():
        content = sorted(path.name for path in study.folder.glob("*") if not path.name.startswith("."))
        if content:
            raise ConfigError(
                f"the output folder holds something else than this study ({', '.join(content[:3])})",
                where=str(study.folder),
                hint="choose another --output_dir",
            )
        return
    found, wanted = json_or_empty(study.record), dict(study.facts())
    if not found:
        raise DataError("the study's own record cannot be read", where=str(study.record))
    if changed := [name for name in wanted if found.get(name) != wanted[name]]:
        lines = [f"  {name}: asked for is {wanted[name]}, the folder has {found.get(name)}" for name in changed]
        raise ConfigError(
            "\n".join(["the folder holds a study of another configuration", *lines]),
            where=str(study.folder),
            hint="choose another --output_dir, or go on with it as it was begun",
        )


def note_study(study: PendulumStudy) -> None:
    """Write study.json. Raises DiskFull."""
    study.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(study.record, json.dumps(study.facts(), indent=2) + "\n")
