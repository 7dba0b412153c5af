"""Staging: the folder beside the dataset where attempts lie until the recording is complete.

.<name>.recording/recording.json      what is being recorded; a recording goes on only with the same
                  lock                held while a recording runs
                  seed-0000000000/    an attempt, see attempt.py
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.core.errors import ConfigError
from understudy.core.files import TEMPORARY_PREFIX, existing_parent, held_alone, remove_leftovers, write_atomically
from understudy.data.info import read_json

_IDENTITY, _LOCK = "recording.json", "lock"


def staging_of(target: Path) -> Path:
    """Where the attempts for the dataset `target` lie."""
    return target.with_name(f".{target.name}.recording")


def check_target(target: Path, *, resume: bool) -> None:
    """Raises ConfigError, before anything is written, when the dataset could not be put there."""
    if target.exists():
        hint = "it is finished: there is nothing to go on with" if resume else "name a new folder"
        raise ConfigError("the folder of the dataset is there already", where=str(target), hint=hint)
    parent = existing_parent(target)
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError("the dataset cannot be put there: no right to write", where=str(parent))
    staging = staging_of(target)
    if resume and not (staging / _IDENTITY).is_file():
        raise ConfigError("there is no recording to go on with", where=str(staging), hint="leave --resume out")
    if not resume and (staging / _IDENTITY).is_file():
        raise ConfigError(
            "a recording of this dataset was begun and not finished",
            where=str(staging),
            hint="--resume=true goes on with it; or remove this folder",
        )


@contextlib.contextmanager
def opened(target: Path, identity: Mapping[str, Any], *, resume: bool) -> Iterator[Path]:
    """The staging folder, ours alone while it is open. It stays when an error leaves it with an episode in it.

    identity   what has to be equal for a recording to go on

    Raises ConfigError when another recording holds it, or the one that is there recorded something else.
    """
    staging = staging_of(target)
    staging.mkdir(parents=True, exist_ok=True)
    with held_alone(staging / _LOCK, ConfigError("another recording of this dataset is running", where=str(staging))):
        if resume:
            _check_same(read_json(staging / _IDENTITY), dict(identity), staging)
        else:
            write_atomically(staging / _IDENTITY, json.dumps(identity, indent=1) + "\n")
        remove_leftovers(staging)
        remove_unfinished(target)
        try:
            yield staging
        except BaseException:
            if not any(staging.glob("seed-*/episode.json")):
                shutil.rmtree(staging, ignore_errors=True)
            raise
    shutil.rmtree(staging, ignore_errors=True)


def remove_unfinished(target: Path) -> None:
    """Remove what is left of a dataset whose putting together was killed."""
    for path in target.parent.glob(f"{TEMPORARY_PREFIX}{glob.escape(target.name)}-*"):
        # of `lift`, not of `lift-2`
        if path.name.rpartition("-")[0] == f"{TEMPORARY_PREFIX}{target.name}":
            shutil.rmtree(path, ignore_errors=True)


def _check_same(before: Any, now: dict[str, Any], staging: Path) -> None:
    # through JSON, so that tuples and lists are alike
    now = json.loads(json.dumps(now))
    if before == now:
        return
    names = sorted({*before, *now}) if isinstance(before, dict) else []
    changed = [
        f"{name}: {before.get(name)!r}, now {now.get(name)!r}" for name in names if before.get(name) != now.get(name)
    ]
    raise ConfigError(
        "the recording that was begun is another one\n" + "\n".join(f"  {line}" for line in changed),
        where=str(staging),
        hint="give the options it was begun with, or remove this folder and begin anew",
    )
