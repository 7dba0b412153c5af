"""SIGTERM, by which a cluster ends what has used up its time, as an exception that tidies up on its way out."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from .errors import Interrupted


@contextlib.contextmanager
def ended_politely() -> Iterator[None]:
    """SIGTERM ends what runs inside as Ctrl-C does: by Interrupted, with exit code 143.

    Signal handlers belong to the main thread; in another one this does nothing, and its owner is who stops it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted("stopped", exit_code=143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
