"""Runs as processes of this machine, so many at a time. (ensemble_ray.py: the same on the machines of a cluster.)

Each is `understudy train` in a process group of its own: a Ctrl-C at the keyboard reaches the ensemble alone, which
passes it on once, so that every run saves and stops. Nothing but words, exit codes and files goes between them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from understudy.core.errors import Interrupted
from understudy.train.signals import StopRequest

_POLL_S = 0.2
# how long a run that was told to stop at once may take before it is killed
_PATIENCE_S = 10.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Task:
    """The process of one seed: what is executed, and the file that its output is appended to."""

    seed: int
    words: Sequence[str]
    log: Path


class Place(Protocol):
    """Where processes run."""

    def start(self, task: Task) -> None:
        """Begin; does not wait."""

    def ended(self) -> dict[int, int]:
        """Exit codes, by seed, of those that ended since the last call; below zero: the signal that killed it."""

    def ask_to_stop(self) -> None:
        """Let every process save and stop; does not wait."""

    def close(self) -> None:
        """End at once what still runs."""


class Watcher(Protocol):
    """What is told of how the runs come on."""

    def show(self, running: Sequence[int], ended: Mapping[int, int]) -> None:
        """The seeds that run, and the exit codes of those that ended."""


def fan_out(
    tasks: Sequence[Task], place: Place, watcher: Watcher, *, at_once: int | None
) -> tuple[dict[int, int], int | None]:
    """Run every task, `at_once` at a time (None: all); (exit codes by seed, exit code of the signal that came if any).

    A task that fails stops no other. After Ctrl-C or SIGTERM nothing more is started, and what runs saves and stops;
    after the second one everything is ended at once.
    """
    waiting, running = list(tasks), dict[int, Task]()
    codes: dict[int, int] = {}
    with StopRequest() as stop:
        try:
            stop.patient = True
            asked = False
            while waiting or running:
                if stop.requested is not None:
                    waiting.clear()
                    if not asked:
                        place.ask_to_stop()
                    asked = True
                while waiting and (at_once is None or len(running) < at_once):
                    task = waiting.pop(0)
                    running[task.seed] = task
                    place.start(task)
                time.sleep(_POLL_S)
                for seed, code in place.ended().items():
                    codes[seed] = code
                    del running[seed]
                watcher.show(list(running), codes)
        except Interrupted:
            pass  # the second Ctrl-C: what was done is accounted for as after the first one
        finally:
            place.close()
        codes |= place.ended()
        return codes, stop.requested


class Here:
    """Processes of this machine.

    threads   each computes with so many
    gpus      as CUDA_VISIBLE_DEVICES names them; with two or more, runs that run at the same time are spread over them
    """

    def __init__(self, threads: int, gpus: Sequence[str] = ()) -> None:
        self._threads = threads
        self._gpus = list(gpus)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._gpu_of: dict[int, str] = {}

    def start(self, task: Task) -> None:
        environment = os.environ | threads_environment(self._threads)
        if len(self._gpus) > 1:
            taken = list(self._gpu_of.values())
            self._gpu_of[task.seed] = min(self._gpus, key=taken.count)
            environment["CUDA_VISIBLE_DEVICES"] = self._gpu_of[task.seed]
        self._processes[task.seed] = launch(task.words, task.log, environment)

    def ended(self) -> dict[int, int]:
        found = {seed: code for seed, process in self._processes.items() if (code := process.poll()) is not None}
        for seed in found:
            del self._processes[seed]
            self._gpu_of.pop(seed, None)
        return found

    def ask_to_stop(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGINT)

    def close(self) -> None:
        # the second one they get, or the only one when we fail ourselves
        self.ask_to_stop()
        until = time.monotonic() + _PATIENCE_S
        for process in self._processes.values():
            try:
                process.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def launch(
    words: Sequence[str], log: Path, environment: Mapping[str, str], cwd: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a process whose output is appended to `log`, below a line that tells what was started."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"{header(words)}\n".encode())
        output.flush()
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )


def header(words: Sequence[str]) -> str:
    """The first line of a start in a log."""
    return f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(words)}"


def reason(log: Path, code: int) -> str:
    """Why a process ended: its own error, of its last start, or the signal that killed it."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        why = ": the system does so when memory runs out" if name == "SIGKILL" else ""
        return f"killed by {name}{why}"
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = text[text.rfind("\n--- ") + 1 :].splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if not begins:
        said = [line for line in lines[1:] if line.strip()]
        return f"exit code {code}" + (f": {said[-1]}" if said else "")
    told = [lines[begins[-1]].removeprefix("error: ")]
    for line in lines[begins[-1] + 1 :]:
        if not line.startswith("  "):
            break
        told.append(line)
    return "\n".join(told)


def threads_environment(threads: int) -> dict[str, str]:
    """What makes torch and numpy compute with so many threads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))
