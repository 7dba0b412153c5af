"""How an error reaches the person: a few lines on stderr and an exit code; a traceback only when it was asked for.
The codes and their meanings are `EXIT_CODES` of core/errors.py.
"""

from __future__ import annotations

import os
import sys
import traceback

from understudy.core import log
from understudy.core.errors import INTERNAL, Interrupted, as_known, first_line

INTERRUPTED = 130
READER_GONE = 141


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
        _print(f"error: unexpected {type(error).__name__}: {first_line(error)}")
        _print("  hint: this is a fault in Understudy; --debug shows where it happened")
        return INTERNAL
    _print(f"{known}" if isinstance(known, Interrupted) else f"error: {known}")
    return known.exit_code


def _print(text: str) -> None:
    print(text, file=log.error_stream(), flush=True)
