"""FrameStore: something of fixed size for each frame of one camera, on disk; made once, read ever after through a map.

Decoded frames are kept like this, and what a policy has made of them (seen_store.py). Of decoded frames:

    <cache>/frames/<fingerprint>/<camera>/
      store.json       what is stored: format, fingerprint, camera, height, width
      frames.rgb       uint8 [rows, height, width, 3]; episodes in the order of their first decoding, appended
      episodes.jsonl   which episodes are there, and where (frame_log.py)

Unusual: an episode gets its rows reserved on disk (posix_fallocate), and noted, before its first frame is written; the
note that it is whole, with its checksum, follows its last. So a process killed at any instant leaves episodes that are
whole and episodes that are not, never one in doubt, and the next one goes on. After a crash of the machine itself the
checksums decide. Subsets of a dataset share the store. Frames are written with pwrite, never through the map: a full
disk is an error to report there, and a SIGBUS here.

Writing needs the lock of the folder of all cameras (frame_fill.py holds it); reading needs none.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from understudy.core.errors import DiskFull, ResourceError
from understudy.core.files import fsync_folder, full_disk_reported, write_atomically

from .frame_log import EpisodeLog, StoredEpisode, boot_id
from .store_key import StoreKey

FORMAT = 1
# how much is read again on opening to compare checksums: a tenth of a second; small stores are checked whole
CHECKED_BYTES = 100_000_000
_READ_BYTES = 4_000_000


class FrameStore:
    """The store of one camera. Making one reads what is there; nothing is written before `open_for_writing`."""

    def __init__(self, cache: Path, key: StoreKey) -> None:
        self.key = key
        self.folder = key.folder(cache)
        self._frames_path = self.folder / key.file_name
        self._header_path = self.folder / "store.json"
        self._guard = threading.Lock()
        self._frames_file: int | None = None
        self._log = EpisodeLog(self.folder / "episodes.jsonl")
        self.episodes: dict[int, StoredEpisode] = {}
        self.read()

    def read(self) -> None:
        """Look again at what is on disk: another process may have written since."""
        self.episodes = self._log.read() if self._header_fits() else {}

    def has(self, episode: int, frames: int) -> bool:
        """Whether all `frames` frames of the episode are there."""
        found = self.episodes.get(episode)
        return found is not None and found.is_whole and found.frames == frames

    def damaged(self, wanted: Iterable[int], *, most_bytes: int | None = CHECKED_BYTES) -> list[int]:
        """Those of the `wanted` episodes that are said to be whole and are not.

        Sizes are compared for all. Checksums are for those that a crash of the machine may have harmed, and for as many
        of the others, drawn anew each time, as fill `most_bytes`.
        """
        whole = [e for e in (self.episodes.get(n) for n in wanted) if e is not None and e.is_whole]
        size = self._frames_path.stat().st_size if self._frames_path.exists() else 0
        bad = [e.episode for e in whole if (e.row + e.frames) * self.key.frame_bytes > size]
        read = 0
        for entry in sorted(random.sample(whole, len(whole)), key=lambda e: not e.is_in_doubt):
            if most_bytes is not None and read >= most_bytes and not entry.is_in_doubt:
                break
            if entry.episode not in bad and self._checksum(entry) != entry.crc32:
                bad.append(entry.episode)
            read += entry.frames * self.key.frame_bytes
        return sorted(bad)

    @property
    def is_flushed(self) -> bool:
        """Whether all that is there has reached the disk."""
        return all(entry.boot == "" for entry in self.episodes.values())

    def array(self) -> np.ndarray:
        """(rows, ...) of what is stored of a frame, read-only, mapped from the disk; rows as in `episodes`."""
        rows = max((e.row + e.frames for e in self.episodes.values() if e.is_whole), default=0)
        shape = (rows, *self.key.shape)
        if rows == 0:
            return np.empty(shape, self.key.number)
        return np.asarray(np.memmap(self._frames_path, dtype=self.key.number, mode="r", shape=shape))

    def open_for_writing(self) -> None:
        """Make the store if it is not there (or is of another format). Raises DiskFull, ResourceError."""
        with disk_trouble_reported(self.folder, self.key):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self._header_fits():
                for path in (self._header_path, self._log.path, self._frames_path):
                    path.unlink(missing_ok=True)
                self.episodes = {}
            self._frames_file = os.open(self._frames_path, os.O_RDWR | os.O_CREAT, 0o644)
            self._log.open()
            fsync_folder(self.folder)
            if not self._header_path.exists():
                write_atomically(self._header_path, json.dumps({"format": FORMAT, **asdict(self.key)}) + "\n")

    def forget(self, episode: int) -> None:
        """Say that an episode has to be decoded again. Its rows stay its own."""
        old = self.episodes[episode]
        with disk_trouble_reported(self.folder, self.key), self._guard:
            self._note(StoredEpisode(episode, old.row, old.frames, None))
            self._log.flush()  # or a crash could leave a note that vouches for what is about to be overwritten

    def write(self, episode: int, length: int, frames: Iterable[np.ndarray]) -> None:
        """Store the `length` frames of an episode. May be called by several threads, for different episodes.

        frames   each of the key's shape and numbers
        Raises DiskFull before the first frame is taken when there is no room; ResourceError for another trouble of the
        disk; and whatever `frames` raises. In each case the episode counts as not there.
        """
        with disk_trouble_reported(self.folder, self.key), self._guard:
            row = self._reserve(episode, length)
        checksum, written = 0, 0
        for frame in frames:
            data = np.ascontiguousarray(frame).data.cast("B")
            assert len(data) == self.key.frame_bytes and written < length, "a frame that does not fit its place"
            with disk_trouble_reported(self.folder, self.key):
                self._write_at((row + written) * self.key.frame_bytes, data)
            checksum = zlib.crc32(data, checksum)
            written += 1
        assert written == length, f"{written} frames instead of {length}"
        with disk_trouble_reported(self.folder, self.key):
            if not boot_id():
                os.fsync(self._open_frames_file())
            with self._guard:
                self._note(StoredEpisode(episode, row, length, checksum, boot_id()))

    def flush(self) -> None:
        """Return once all that was written has reached the disk, and note that. Raises ResourceError."""
        with disk_trouble_reported(self.folder, self.key):
            with self._guard:
                written = [replace(e, boot="") for e in self.episodes.values() if e.boot]
            os.fsync(self._open_frames_file())
            with self._guard:
                self._note(*written)
                self._log.flush()

    def close(self) -> None:
        """Close the files for writing. Arrays given out stay valid."""
        if self._frames_file is not None:
            os.close(self._frames_file)
        self._frames_file = None
        self._log.close()

    def __enter__(self) -> FrameStore:
        self.open_for_writing()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_frames_file(self) -> int:
        assert self._frames_file is not None, "the store is not open for writing"
        return self._frames_file

    def _header_fits(self) -> bool:
        try:
            header = json.loads(self._header_path.read_text())
        except (OSError, ValueError):
            return False
        return bool(header == {"format": FORMAT, **asdict(self.key)})

    def _checksum(self, entry: StoredEpisode) -> int:
        position, left, checksum = entry.row * self.key.frame_bytes, entry.frames * self.key.frame_bytes, 0
        # read, not mapped: a failing disk is an OSError here
        with disk_trouble_reported(self.folder, self.key), self._frames_path.open("rb") as file:
            file.seek(position)
            while left > 0 and (part := file.read(min(left, _READ_BYTES))):
                checksum = zlib.crc32(part, checksum)
                left -= len(part)
        return checksum

    def _reserve(self, episode: int, length: int) -> int:
        """The first of `length` rows of its own for the episode, with room for them on the disk."""
        old = self.episodes.get(episode)
        if old is not None and old.frames == length:
            row = old.row
        else:
            row = max((e.row + e.frames for e in self.episodes.values()), default=0)
        file = self._open_frames_file()
        before = os.fstat(file).st_size
        if hasattr(os, "posix_fallocate"):  # not on macOS
            try:
                os.posix_fallocate(file, row * self.key.frame_bytes, length * self.key.frame_bytes)
            except OSError:
                os.ftruncate(file, before)  # what was got until the disk was full
                raise
        self._note(StoredEpisode(episode, row, length, None))
        return row

    def _note(self, *entries: StoredEpisode) -> None:
        self._log.append(entries)
        self.episodes.update({entry.episode: entry for entry in entries})

    def _write_at(self, position: int, data: memoryview) -> None:
        while data:
            written = os.pwrite(self._open_frames_file(), data, position)
            position, data = position + written, data[written:]


@contextlib.contextmanager
def disk_trouble_reported(folder: Path, key: StoreKey) -> Iterator[None]:
    """Turn what the disk of a store complains about into DiskFull or ResourceError, with what to do."""
    try:
        with full_disk_reported(folder, key.told.store):
            yield
    except DiskFull as error:
        error.hint = f"episodes that were finished are kept; free some space, {key.told.elsewhere}"
        raise
    except OSError as error:
        raise ResourceError(
            f"{key.told.store} cannot be used: {error.strerror or error}",
            where=str(error.filename or folder),
            hint=f"see to the rights and the health of that disk, {key.told.elsewhere}",
        ) from error
