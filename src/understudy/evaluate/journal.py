"""Journal: the folder of an evaluation while it runs. Each finished episode is on the disk before the next is counted.

The order in which episodes finish depends on the machine; what is left in the end does not (see records.py).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.core.errors import ConfigError, DataError
from understudy.core.files import (
    append_whole,
    check_place,
    cut_torn_line,
    full_disk_reported,
    held_alone,
    remove_leftovers,
    write_atomically,
)

from .records import (
    EPISODES,
    JOURNAL,
    PROTOCOL,
    SUMMARY,
    EpisodeRecord,
    lines_by_seed,
    protocol_hash,
    read_evaluation,
    read_journal,
    read_protocol,
)

# what tells policies apart
_IDENTITY = ("fingerprint", "device")


class Journal:
    """An evaluation that is being written. Made by `opened`.

    done   seed -> record of every episode that is finished
    """

    def __init__(self, folder: Path, done: dict[int, EpisodeRecord]) -> None:
        self.folder = folder
        self.done = done

    def append(self, record: EpisodeRecord) -> None:
        """Keep a finished episode. Raises DiskFull, after which the file ends with the last whole line."""
        file = self.folder / JOURNAL
        line = (record.to_line() + "\n").encode()
        with full_disk_reported(file, file.name):
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                append_whole(descriptor, line, durable=True)
            finally:
                os.close(descriptor)
        self.done[record.seed] = record

    def finish(self, summary: Mapping[str, Any]) -> None:
        """All episodes are there: leave them by seed, and the summary. Raises DiskFull."""
        write_atomically(self.folder / EPISODES, lines_by_seed(self.done.values()))
        write_atomically(self.folder / SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
        (self.folder / JOURNAL).unlink(missing_ok=True)


@contextlib.contextmanager
def opened(folder: Path, who: Mapping[str, Any], protocol: Mapping[str, Any], *, resume: bool) -> Iterator[Journal]:
    """The journal of `folder`, new or gone on with; nobody else writes it meanwhile.

    who        {"name": ..., "fingerprint": ...} of the policy
    protocol   with its "hash"

    Raises ConfigError: the folder is there and `resume` is false, it belongs to another policy or protocol (the
    differences are named), or another process is at it. DataError: it is damaged. DiskFull.
    """
    assert protocol["hash"] == protocol_hash(protocol)
    check_place(folder, str(folder))
    if _holds_something(folder) and not resume:
        hint = "name a new one, or go on with it: --resume=true" if (folder / PROTOCOL).exists() else "name a new one"
        raise ConfigError("the output folder is there already", where=str(folder), hint=hint)
    _check_same(folder, who, protocol)
    with full_disk_reported(folder, "the evaluation"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileNotFoundError, NotADirectoryError) as error:  # /proc and the like
            raise ConfigError("no folder can be made there", where=str(folder), hint="choose another one") from error
    with held_alone(folder / ".lock", ConfigError("another process is writing this evaluation", where=str(folder))):
        remove_leftovers(folder)
        if not (folder / PROTOCOL).exists():
            content = {"policy": dict(who), "protocol": dict(protocol)}
            write_atomically(folder / PROTOCOL, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        cut_torn_line(folder / JOURNAL)
        yield Journal(folder, {record.seed: record for record in _found(folder)})


def _holds_something(folder: Path) -> bool:
    # a lock alone is left by an evaluation that was stopped before anything was written
    return folder.exists() and any(path.name != ".lock" for path in folder.iterdir())


def _found(folder: Path) -> list[EpisodeRecord]:
    return read_evaluation(folder).episodes if (folder / EPISODES).is_file() else read_journal(folder)


def _check_same(folder: Path, who: Mapping[str, Any], protocol: Mapping[str, Any]) -> None:
    if not _holds_something(folder):
        return
    try:
        old_who, old = read_protocol(folder)
    except DataError as error:
        raise ConfigError(
            f"this folder cannot be gone on with: {error.what}", where=str(folder), hint="name a new one"
        ) from None
    found = _differences(old, protocol)
    # the same files under another name are the same policy
    if [old_who.get(key) for key in _IDENTITY] != [who.get(key) for key in _IDENTITY]:
        found.insert(0, f"  policy: there {_named(old_who)}, asked for {_named(who)}")
    if found:
        raise ConfigError(
            "the folder holds the evaluation of another policy or protocol\n" + "\n".join(found),
            where=str(folder),
            hint="name a new folder, or repeat the command that began this one",
        )


def _named(who: Mapping[str, Any]) -> str:
    device = f" on {who['device']}" if who.get("device") else ""
    return f"{who.get('name')}{device} ({str(who.get('fingerprint'))[:12]})"


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """A line for every value that differs: `n: there 50, asked for 100`. Hashes only follow from the rest."""
    lines = []
    for key in sorted({*old, *new} - {"hash"}):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            lines += _differences(a, b, f"{prefix}{key}.")
        elif json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True):
            lines.append(f"  {prefix}{key}: there {json.dumps(a)}, asked for {json.dumps(b)}")
    return lines
