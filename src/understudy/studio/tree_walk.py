"""Looking through the served folders for those of a kind, each taken whole: what lies inside one is not looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

_DEEPEST = 8
# a folder that holds one of these is a run, ours or LeRobot's
_OF_A_RUN = {"events.jsonl", "checkpoints"}


def is_run(names: Collection[str]) -> bool:
    """Whether a folder that holds these names is a run."""
    return not _OF_A_RUN.isdisjoint(names)


def walk(
    folder: Path,
    is_found: Callable[[Path, set[str]], bool],
    closed: Collection[str] = (),
    deepest: int = _DEEPEST,
) -> Iterator[Path]:
    """Every folder at or below `folder` that is one, in the order of their names. Hidden ones, and links, are left out.

    is_found   asked with a folder and the names in it
    closed     names of folders that are not entered
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    if is_found(folder, {entry.name for entry in entries}):
        yield folder
        return
    for entry in entries:
        if deepest and entry.name not in closed and entry.name[0] != "." and entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path), is_found, closed, deepest - 1)
