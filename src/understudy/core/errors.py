"""Every error a user can meet. The class decides the exit code; the text says what, where, and what to do.

UnderstudyError
├── ConfigError          2    bad command or configuration; nothing was written
├── DataError            3    bad data; nothing of the user's was changed
│   ├── StatisticMissing 3    a feature that must be normalised has no statistic
│   └── CheckpointError  3    a checkpoint that is torn, misshapen, or not a checkpoint
├── HealthStop           4    training stopped by a health check; the last good checkpoint is named
├── ResourceError        5    a resource ran out; nothing is lost
│   ├── DiskFull         5
│   └── OutOfMemory      5
└── Interrupted    130/143    Ctrl-C or SIGTERM, after a checkpoint was saved
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from typing import Any

# exit code of a fault of ours
INTERNAL = 70
EXIT_CODES = {
    0: "done",
    1: "the work ran and its answer is negative, such as an error that the doctor found",
    2: "bad command or configuration; nothing was written",
    3: "bad data or checkpoint; nothing of the user's was changed",
    4: "training was stopped by a health check, such as a loss that is not finite; the last good checkpoint is named",
    5: "a resource ran out, disk or memory; nothing is lost",
    INTERNAL: "a fault in Understudy; --debug shows where",
    130: "interrupted by Ctrl-C, after a checkpoint was saved where there was one to save",
    141: "whoever read the output went away",
    143: "interrupted by SIGTERM, likewise",
}
_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


class UnderstudyError(Exception):
    """An error with an answer: `what` happened, `where` (file, episode, frame, flag), and a `hint` at what to do."""

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """What another process needs to raise the same error; see `from_json`."""
        fields = {"what": self.what, "where": self.where, "hint": self.hint, "exit_code": self.exit_code}
        return {"class": type(self).__name__} | fields


class ConfigError(UnderstudyError):
    """A bad command line or configuration. Raised before anything is written."""

    exit_code = 2


class DataError(UnderstudyError):
    """A dataset that cannot be read, or whose meaning is not certain."""

    exit_code = 3


class StatisticMissing(DataError):
    """A feature that has to be normalised has no statistic: passing it through would train on the wrong scale."""


class CheckpointError(DataError):
    """A checkpoint that is torn, misshapen, of an unknown kind, or not a checkpoint at all."""


class HealthStop(UnderstudyError):
    """Training was stopped because going on would have been worthless (a loss that is not finite, and the like)."""

    exit_code = 4


class ResourceError(UnderstudyError):
    """A resource of the machine ran out. What was there before is still there."""

    exit_code = 5


class DiskFull(ResourceError):
    """The file system has no room for what was to be written."""


class OutOfMemory(ResourceError):
    """The machine's or the accelerator's memory did not suffice."""


class Interrupted(UnderstudyError):
    """Stopped by a signal after saving; `exit_code` is 130 for Ctrl-C and 143 for SIGTERM."""

    def __init__(self, what: str, *, exit_code: int = 130, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        self.exit_code = exit_code


def from_json(fields: dict[str, Any]) -> UnderstudyError:
    """The error that `to_json` described; one of an unknown class becomes a plain UnderstudyError."""
    kinds = {kind.__name__: kind for kind in _tree(UnderstudyError)}
    error = kinds.get(fields["class"], UnderstudyError)(fields["what"], where=fields["where"], hint=fields["hint"])
    error.exit_code = fields["exit_code"]
    return error


def _tree(kind: type[UnderstudyError]) -> Iterator[type[UnderstudyError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, or None."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def as_known(error: BaseException) -> UnderstudyError | None:
    """`error` as one that a user can act on, or None for a fault of ours."""
    if isinstance(error, UnderstudyError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            "the disk is full", where=error.filename, hint="free some space; nothing that was there has been changed"
        )
    if isinstance(error, PermissionError):
        return ConfigError("no permission", where=str(error.filename or error), hint="choose a place of your own")
    if _is_memory(error):
        return OutOfMemory(
            "the memory did not suffice",
            where=first_line(error) or None,
            hint="a smaller --batch_size (with --grad_accumulation_steps for the same effect), or --precision=bf16",
        )
    return None


def _is_memory(error: BaseException) -> bool:
    """torch raises classes of its own on accelerators and a plain RuntimeError on the CPU; it need not be imported."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY_WORDS)


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def reason_of(error: BaseException) -> str:
    """The first line of what an error says; the name of its class where it says nothing."""
    return first_line(error) or type(error).__name__


def what_is_wrong(error: Exception) -> str:
    """Why a document could not be understood, in words: a key that is missing by its name, else what the error says."""
    return f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
