"""Spread items over processes of our own: each sets itself up once and answers items one at a time, in JSON.

A process is `python -m understudy.rollout.worker`, told on stdin what to do and answering on a pipe. So nothing is
pickled, a caller needs no `if __name__ == "__main__"`, and a process that hangs or dies costs the item it was at: it is
answered by `Lost`, and another process takes over. Every process computes with one thread, so that results do not
depend on how many there are.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.core.errors import UnderstudyError, from_json

PROGRAM = ("-m", "understudy.rollout.worker")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Lost:
    """An item without an answer: its process hung or died."""

    reason: str


def run_in_workers(
    target: str,
    setup: dict[str, Any],
    items: Sequence[Any],
    *,
    workers: int,
    timeout_s: float,
    wanted: Callable[[], bool] = lambda: True,
) -> Iterator[tuple[Any, dict[str, Any] | Lost]]:
    """(item, answer) for every item, in the order in which they finish.

    target      "understudy.module:function"; function(setup) is called once in each process and gives a function
                item -> dict. Setup, items and answers have to be JSON.
    timeout_s   an item that takes longer is Lost, and its process is killed; setting up has the same time
    wanted      asked several times a second; when it says no, there are no more answers

    Raises the UnderstudyError that an item raised in its process, and one when a process cannot be set up: where
    nothing can work, no item is to blame. When the caller stops early, the processes end.
    """
    pending: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for item in items:
        pending.put(item)
    answers: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
    crew = [_Worker(target, setup, pending, answers, timeout_s) for _ in range(min(workers, len(items)))]
    for worker in crew:
        worker.start()
    try:
        for _ in items:
            while True:
                if not wanted():
                    return
                # a short wait keeps Ctrl-C alive
                with contextlib.suppress(queue.Empty):
                    item, answer = answers.get(timeout=0.2)
                    break
            if isinstance(answer, BaseException):
                raise answer
            yield item, answer
    finally:
        for worker in crew:
            worker.stop()
        for worker in crew:
            worker.join(timeout=5)


class _Worker(threading.Thread):
    """A thread that feeds one process after another from the queue."""

    def __init__(
        self,
        target: str,
        setup: dict[str, Any],
        pending: queue.SimpleQueue[Any],
        answers: queue.SimpleQueue[tuple[Any, Any]],
        timeout_s: float,
    ) -> None:
        super().__init__(daemon=True)
        self.first_line = json.dumps({"target": target, "setup": setup})
        self.pending, self.answers, self.timeout_s = pending, answers, timeout_s
        self.process: subprocess.Popen[str] | None = None
        self.lock = threading.Lock()
        self.stopped = False

    def run(self) -> None:
        try:
            while not self.stopped:
                try:
                    item = self.pending.get_nowait()
                except queue.Empty:
                    break
                self.answers.put((item, self._answer(item)))
        except BaseException as error:
            self.answers.put((None, error))
        finally:
            self._end()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        with self.lock:
            self.stopped = True
        self._end()

    def _answer(self, item: Any) -> Any:
        if self.process is None:
            failure = self._set_up()
            if failure is not None:
                return failure
        answer, reason = self._ask(json.dumps(item))
        if answer is None:
            self.process = None
            return Lost(reason)
        return from_json(answer["error"]) if "error" in answer else answer["answer"]

    def _set_up(self) -> UnderstudyError | None:
        """Start a process that is ready for items; what went wrong, if it is not."""
        with self.lock:
            if self.stopped:
                return UnderstudyError("stopped")
            self.process = subprocess.Popen(
                [sys.executable, *PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | ONE_THREAD,
                # Ctrl-C in the terminal is for the caller, which then ends its processes
                start_new_session=True,
            )
        answer, reason = self._ask(self.first_line)
        if answer is None:
            return UnderstudyError(f"a worker process could not be set up: {reason}", hint="its own words stand above")
        if "error" in answer:
            self._end()
            return from_json(answer["error"])
        return None

    def _ask(self, line: str) -> tuple[dict[str, Any] | None, str]:
        """(what the process answers to `line`, ""), or (None, why there is no answer) and the process is gone."""
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        timer = threading.Timer(self.timeout_s, process.kill)
        timer.start()
        began = time.monotonic()
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            timer.cancel()
        # a process that is killed while it answers leaves half a line
        if answer.endswith("\n"):
            found: dict[str, Any] = json.loads(answer)
            return found, ""
        process.kill()
        code = process.wait()
        if time.monotonic() - began >= self.timeout_s:
            return None, f"no answer within {self.timeout_s:g} s"
        return None, f"the process died (exit code {code})"

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
