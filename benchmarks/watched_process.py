"""Runs a command as a user would and watches it from outside: when each line came, how much memory it held."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_RSS_EVERY_S = 0.5
# the kernel walks every page to tell the shared ones: 50 ms for 3 GB, so 2 % of one core at this pace, on both sides
_PSS_EVERY_S = 3.0
_GROWTH = 1.02
_LINE_END = re.compile(rb"[\r\n]+")
_ROLLUP = re.compile(r"^(Pss|Pss_Anon|Pss_Shmem):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """One line of output (a progress bar's redraws count as lines) and when it arrived, seconds after the launch."""

    at_s: float
    text: str


@dataclass
class PeakMemory:
    """The most that the process and all its descendants held together, bytes; None where it cannot be known.

    rss             resident memory, summed: a page that n processes share counts n times
    pss             the same with shared pages divided among those who share them (sampled every few seconds)
    without_files   the part of `pss` that no file backs: pages of mapped files are page cache, which the system takes
                    back when it needs it
    """

    rss: int = 0
    pss: int | None = None
    without_files: int | None = None


@dataclass(frozen=True)
class Watched:
    """How a command went. `exit_code` is negative after a signal, as in `subprocess`; None: it ran into its limit."""

    exit_code: int | None
    seconds: float
    lines: list[Line]
    memory: PeakMemory

    def last_words(self, count: int = 3) -> str:
        """The last lines that are not blank, in one."""
        spoken = [line.text.strip() for line in self.lines if line.text.strip()]
        return " / ".join(spoken[-count:])[-400:]


def watch(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    limit_s: float,
    cwd: Path | None = None,
    memory: bool = True,
) -> Watched:
    """Run `command` to its end, or kill its whole process group after `limit_s`.

    environment   added to ours
    memory        False leaves memory unmeasured, and the processor to the command
    """
    began = time.perf_counter()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:  # the shell's exit code for a program that is not there
        return Watched(127, 0.0, [Line(0.0, f"{command[0]}: {error.strerror}")], PeakMemory())
    peak, ended = PeakMemory(), threading.Event()
    sampler = threading.Thread(target=_sample_memory, args=(process.pid, peak, ended), daemon=True)
    late = threading.Timer(limit_s, _kill_group, [process.pid])
    if not memory:
        ended.set()
    sampler.start()
    late.start()
    try:
        lines = _read_lines(process, began)
        process.wait()
    finally:
        seconds = time.perf_counter() - began
        late.cancel()
        _kill_group(process.pid)
        ended.set()
        sampler.join()
    timed_out = process.returncode == -signal.SIGKILL and seconds >= limit_s
    return Watched(None if timed_out else process.returncode, seconds, lines, peak)


def _read_lines(process: subprocess.Popen[bytes], began: float) -> list[Line]:
    assert process.stdout is not None
    lines, unfinished = [], b""
    descriptor = process.stdout.fileno()
    while block := os.read(descriptor, 65536):
        now = time.perf_counter() - began
        *whole, unfinished = _LINE_END.split(unfinished + block)
        lines += [Line(now, text.decode(errors="replace")) for text in whole]
    if unfinished:
        lines.append(Line(time.perf_counter() - began, unfinished.decode(errors="replace")))
    return lines


def _kill_group(process_id: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)


def _sample_memory(process_id: int, peak: PeakMemory, ended: threading.Event) -> None:
    next_pss, rss_then = 0.0, 0
    while not ended.wait(_RSS_EVERY_S):
        tree = _tree(process_id)
        rss = sum(map(_resident, tree))
        peak.rss = max(peak.rss, rss)
        # a run grows to its peak in few steps, so growth is followed closely and a steady state is not disturbed
        if rss > _GROWTH * rss_then or time.monotonic() >= next_pss:
            next_pss, rss_then = time.monotonic() + _PSS_EVERY_S, rss
            shares = [share for process in tree if (share := _shares(process.pid))]
            if shares:
                peak.pss = max(peak.pss or 0, sum(pss for pss, _ in shares))
                peak.without_files = max(peak.without_files or 0, sum(own for _, own in shares))


def _tree(process_id: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(process_id)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _shares(process_id: int) -> tuple[int, int] | None:
    """(PSS, its part without mapped files) in bytes; None for a process that is gone, and where there is no Linux."""
    try:
        text = Path(f"/proc/{process_id}/smaps_rollup").read_text()
    except OSError:
        return None
    kilobytes = {name: int(value) for name, value in _ROLLUP.findall(text)}
    if "Pss_Anon" not in kilobytes:
        return None
    return 1024 * kilobytes["Pss"], 1024 * (kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"])
