"""How an error reaches the person: a few lines on stderr and an exit code; a traceback only when it was asked for.

0 done   1 the answer is negative   2 bad command   3 bad data or checkpoint   4 stopped by a health check
5 a resource ran out   70 a fault of ours   130 Ctrl-C   141 the reader of our output went away   143 SIGTERM
"""

from __future__ import annotations

import errno
import os
import sys
import traceback

from understudy.core import log
from understudy.core.errors import ConfigError, DiskFull, Interrupted, OutOfMemory, UnderstudyError

INTERNAL = 70
INTERRUPTED = 130
READER_GONE = 141
_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def report(error: BaseException, *, debug: bool = False) -> int:
    """Tell the person what went wrong; the exit code of the program."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else INTERNAL
    if isinstance(error, BrokenPipeError):
        # whatever is still buffered has nowhere to go; without this the interpreter complains while it shuts down
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, KeyboardInterrupt):
        _print("interrupted")
        return INTERRUPTED
    known = as_known(error)
    if known is None:
        _print(f"error: unexpected {type(error).__name__}: {_first_line(error)}")
        _print("  hint: this is a fault in Understudy; --debug shows where it happened")
        return INTERNAL
    _print(f"{known}" if isinstance(known, Interrupted) else f"error: {known}")
    return known.exit_code


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
            where=_first_line(error) or None,
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


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def _print(text: str) -> None:
    print(text, file=log.error_stream(), flush=True)
