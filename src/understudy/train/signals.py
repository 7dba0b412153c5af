"""Ctrl-C and SIGTERM while training: the first asks the loop to save and stop, the second stops at once.

Before the loop runs there is nothing to save, so a signal stops at once; in the loop the handler only sets a flag. A
checkpoint that is being written when the signal comes is finished; a second Ctrl-C leaves at most a temporary
folder, which the next start removes.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from understudy.core.errors import Interrupted
from understudy.core.log import stream

_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class StopRequest:
    """`requested` becomes the exit code (130 or 143) once a signal has come."""

    def __init__(self) -> None:
        self.requested: int | None = None
        # set by the loop once there is something to save
        self.patient = False
        # a second signal has come: whatever still runs ends without saving
        self.at_once = False
        # torchrun passes on what its ranks may have got already, so that a second signal says nothing new
        self.forwarded = False
        self._previous: dict[int, object] = {}
        self._raised: Interrupted | None = None

    def __enter__(self) -> StopRequest:
        # signal handlers belong to the main thread; a run started from another one is stopped by its owner
        if threading.current_thread() is threading.main_thread():
            for number in _EXIT_CODES:
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self._raised is not None and error is not None and not isinstance(error, Interrupted):
            # it came in the middle of a library that makes its own error of whatever is raised in it
            raise self._raised from error

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        exit_code = _EXIT_CODES[signal.Signals(number)]
        if not self.patient:
            self._raised = Interrupted("stopped before the first step; what was prepared is kept", exit_code=exit_code)
            raise self._raised
        if self.requested is not None and self.forwarded:
            return
        if self.requested is not None:
            self.at_once = True
            self._raised = Interrupted("stopped at once, without saving", exit_code=exit_code)
            raise self._raised
        self.requested = exit_code
        word = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
        again = "" if self.forwarded else " (once more: stop at once)"
        # no `say`: a handler may run in the middle of a print, and text streams are not reentrant
        text = f"\n{word}: finishing this step, saving a checkpoint, then stopping{again}\n"
        try:
            stream().write(text)
        except RuntimeError:
            return
