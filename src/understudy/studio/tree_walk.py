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
    closed: Callable[[Path, set[str]], Collection[str]] | None = None,
    deepest: int = _DEEPEST,
) -> Iterator[Path]:
    """Every folder at or below `folder` that is one, in the order of their names. Hidden ones, and links, are left out.

    is_found   asked with a folder and the names in it
    closed     asked likewise for the names among them of folders that are not entered; None: all are
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if is_found(folder, names):
        yield folder
        return
    shut = closed(folder, names) if closed is not None else ()
    for entry in entries:
        if deepest and entry.name not in shut and entry.name[0] != "." and entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path), is_found, closed, deepest - 1)
