"""Writing that is all or nothing, folders that appear whole, locks between processes, and a full disk said plainly.

A file or folder made here either has its old content or its new one, whatever instant the power fails: it is written
under a temporary name in the same folder, flushed to the disk (fsync), then renamed over the target.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import ConfigError, DiskFull, UnderstudyError

TEMPORARY_PREFIX = ".tmp-"


@contextlib.contextmanager
def full_disk_reported(path: Path, what: str) -> Iterator[None]:
    """Turn 'no space left' and 'quota exceeded' into DiskFull, naming `what` was being written and where.

    Libraries wrap the system's error in their own (safetensors in a plain Exception with the text), so the text counts.
    """
    try:
        yield
    except UnderstudyError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        text = str(error).lower()
        if number in (errno.ENOSPC, errno.EDQUOT) or "no space left" in text or "storagefull" in text:
            raise DiskFull(
                f"the disk is full: {what} could not be written",
                where=str(path),
                hint="free some space or choose another folder; nothing that was there before has been changed",
            ) from error
        raise


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, as fsync does for the content of a file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Give `path` the whole `content` or leave it as it was. Raises DiskFull."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{os.getpid()}")
    with full_disk_reported(path, path.name):
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    fsync_folder(path.parent)


def append_whole(descriptor: int, data: bytes, *, durable: bool = False) -> None:
    """Write all of `data` at the end of an open file, or nothing; with `durable`, wait until it is on the disk.

    Raises OSError, after which the file is as it was.
    """
    before = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        if durable:
            os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def cut_torn_line(path: Path) -> None:
    """Cut off the half line that a killed process may have left at the end: what follows must not be glued to it."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


@contextlib.contextmanager
def folder_written_atomically(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on success it becomes `target`, on any error it is removed.

    Raises DiskFull, FileExistsError when `target` is there already.
    """
    if target.exists():
        raise FileExistsError(target)
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{target.name}-{os.getpid()}")
    with full_disk_reported(target, f"{target.name}/"):
        if temporary.exists():
            shutil.rmtree(temporary)
        try:
            temporary.mkdir(parents=True)
            yield temporary
            fsync_tree(temporary)
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    fsync_folder(target.parent)


def fsync_tree(folder: Path) -> None:
    """Flush every file and folder below `folder` to the disk."""
    from concurrent.futures import ThreadPoolExecutor

    paths = [path for path in folder.rglob("*") if not path.is_symlink()]
    # asked for together, a disk does them in one go: a checkpoint's 15 files in a third of the time
    with ThreadPoolExecutor(16, thread_name_prefix="fsync") as threads:
        list(threads.map(_fsync_file, (path for path in paths if not path.is_dir())))
    for path in sorted((path for path in paths if path.is_dir()), reverse=True):
        fsync_folder(path)
    fsync_folder(folder)


def _fsync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def link_atomically(link: Path, target: str) -> None:
    """Make `link` a relative symbolic link to `target`, replacing an older link in one step."""
    temporary = link.with_name(f"{TEMPORARY_PREFIX}{link.name}-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    fsync_folder(link.parent)


def remove_leftovers(folder: Path) -> list[str]:
    """Remove what an interrupted atomic write left in `folder`; the names of what was removed."""
    removed = []
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed.append(path.name)
    return removed


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold an exclusive lock on the file `path` (made if absent); yields whether it was got.

    The system drops the lock when the process dies, however it dies, so a stale lock cannot exist.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def held_alone(lock: Path, refusal: ConfigError) -> Iterator[None]:
    """Hold the lock file `lock`. Raises `refusal` when another process has it."""
    with locked(lock, wait=False) as got:
        if not got:
            raise refusal
        yield


def json_or_empty(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} where there is none, or it cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def existing_parent(path: Path) -> Path:
    """The nearest folder at or above `path` that exists: where free space and rights can be asked for."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def check_place(folder: Path, where: str) -> None:
    """Raises ConfigError, which points at `where`, when a folder can be neither made nor written to there."""
    above = existing_parent(folder)
    if not above.is_dir():
        raise ConfigError(f"`{above}` is a file, not a folder", where=where, hint="choose another folder")
    if not os.access(above, os.W_OK):
        raise ConfigError(f"nothing may be written to `{above}`", where=where, hint="choose another folder")


def check_new(folder: Path, what: str = "output folder") -> None:
    """Raises ConfigError when `folder`, which is to be made, is there: nobody's files are written over."""
    if folder.exists():
        raise ConfigError(f"the {what} is there already", where=str(folder), hint="name a new one")


def free_bytes(path: Path) -> int:
    """Bytes free for this user on the file system that holds (or would hold) `path`."""
    return shutil.disk_usage(existing_parent(path)).free


def cache_folder() -> Path:
    """Where Understudy keeps what it can make again: $UNDERSTUDY_CACHE, or the platform's cache folder."""
    if chosen := os.environ.get("UNDERSTUDY_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "understudy"
