"""Which episodes a frame store holds: an append-only file with a JSON line per event, of which the last one counts.

    {"episode": 3, "row": 512, "frames": 237, "crc32": null, "boot": ""}            its rows are reserved
    {"episode": 3, "row": 512, "frames": 237, "crc32": 9231, "boot": "6a1c..."}     its frames are written
    {"episode": 3, "row": 512, "frames": 237, "crc32": 9231, "boot": ""}            and have reached the disk

What a process has written survives its death, but only what has reached the disk survives the machine's. Waiting for
the disk (fsync) can take longer than decoding, so it happens later, and until then an episode is vouched for by the
session of the operating system (its boot id) that it was written in: within that session it is whole.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from understudy.core.files import append_whole, cut_torn_line


@dataclass(frozen=True)
class StoredEpisode:
    """Where an episode lies: `frames` rows from `row` on.

    crc32   of its bytes; None until they are all written
    boot    session of the operating system they were written in; "" once they have reached the disk
    """

    episode: int
    row: int
    frames: int
    crc32: int | None
    boot: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all its frames have been written (which a crash of the machine may have undone)."""
        return self.crc32 is not None

    @property
    def is_in_doubt(self) -> bool:
        """Whether its session ended before its frames were known to be on the disk."""
        return self.boot not in ("", boot_id())


@functools.cache
def boot_id() -> str:
    """A name for the time since the machine was started; "" where the system has none (then nothing is put off)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class EpisodeLog:
    """The log of one store. One process at a time may have it open for appending."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def read(self) -> dict[int, StoredEpisode]:
        """Episode index -> the last line about it. A torn line, and one without its end, say nothing."""
        try:
            text = self.path.read_text(errors="replace")
        except OSError:
            return {}
        entries = (_parse(line) for line in text.split("\n")[:-1])
        return {entry.episode: entry for entry in entries if entry is not None}

    def open(self) -> None:
        """Make the file if it is not there, and cut a torn last line off. Raises OSError."""
        cut_torn_line(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def append(self, entries: Iterable[StoredEpisode]) -> None:
        """Add lines. Raises OSError, after which the file is as it was."""
        assert self._file is not None, "the log is not open"
        text = "".join(json.dumps(asdict(entry)) + "\n" for entry in entries).encode()
        append_whole(self._file, text)

    def flush(self) -> None:
        """Return once every line has reached the disk. Raises OSError."""
        assert self._file is not None, "the log is not open"
        os.fsync(self._file)

    def close(self) -> None:
        """Stop appending."""
        if self._file is not None:
            os.close(self._file)
        self._file = None


def _parse(line: str) -> StoredEpisode | None:
    try:
        entry = StoredEpisode(**json.loads(line))
    except (ValueError, TypeError):
        return None
    numbers = (entry.episode, entry.row, entry.frames, entry.crc32 or 0)
    right = all(isinstance(n, int) and n >= 0 for n in numbers) and entry.frames > 0 and isinstance(entry.boot, str)
    return entry if right else None
