"""What the cache folder holds, by what it was made from, and the clearing of it: everything in it can be made again.

    frames     <cache>/frames/<fingerprint>             decoded frames of a dataset (frame_store.py)
    seen       <cache>/seen/<fingerprint>/<identity>    what frozen weights made of them (seen_store.py)
    levels     <cache>/levels/<fingerprint>             counts of levels for statistics (picture_levels.py)

A dataset is named by its fingerprint, as `understudy data info` tells it. What a running program is filling is left
alone; what one only reads may go: it keeps the files that it has open.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.core.errors import ResourceError
from understudy.core.files import TEMPORARY_PREFIX, locked, remove_leftovers

# kind -> folders below it that lead to one entry
KINDS = {"frames": 1, "seen": 2, "levels": 1}


@dataclass(frozen=True)
class CacheEntry:
    """One thing that is kept.

    fingerprint   of the dataset it was made from
    bytes         it takes on the disk
    used          Unix seconds: when a run last opened it
    """

    kind: str
    fingerprint: str
    folder: Path
    bytes: int
    used: float


def entries(cache: Path) -> list[CacheEntry]:
    """Everything that is kept, by kind, those used last first."""
    found = [
        _entry(kind, cache, folder)
        for kind, depth in KINDS.items()
        for folder in (cache / kind).glob("/".join("*" * depth))
        if folder.is_dir() and not folder.name.startswith(TEMPORARY_PREFIX)
    ]
    return sorted(found, key=lambda entry: (list(KINDS).index(entry.kind), -entry.used))


def clear(chosen: Sequence[CacheEntry]) -> list[CacheEntry]:
    """Remove these; those that are left because a program is filling them. Raises ResourceError."""
    left = []
    for entry in chosen:
        try:
            with locked(entry.folder / "lock", wait=False) as got:
                if not got:
                    left.append(entry)
                    continue
                # whoever looks for it from now on makes a new one
                going = entry.folder.with_name(f"{TEMPORARY_PREFIX}{entry.folder.name}-{os.getpid()}")
                entry.folder.rename(going)
            shutil.rmtree(going)
            remove_leftovers(entry.folder.parent)  # of a clearing that was killed
        except OSError as error:
            raise ResourceError(
                f"it cannot be removed: {error.strerror or error}",
                where=str(entry.folder),
                hint="see to the rights of that folder",
            ) from error
        with contextlib.suppress(OSError):
            entry.folder.parent.rmdir()  # where nothing else is in it
    return left


def note_use(folder: Path) -> None:
    """Say that an entry is being used now."""
    with contextlib.suppress(OSError):  # on a disk that nobody may write to, nothing is cleared either
        os.utime(folder)


def _entry(kind: str, cache: Path, folder: Path) -> CacheEntry:
    fingerprint = folder.relative_to(cache / kind).parts[0]
    size, times = 0, [folder.stat().st_mtime]
    for facts in _files(folder):
        size += facts.st_blocks * 512
        times.append(facts.st_mtime)
    return CacheEntry(kind, fingerprint, folder, size, max(times))


def _files(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if path.is_file():
                yield path.stat()
