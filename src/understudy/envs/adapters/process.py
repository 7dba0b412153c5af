"""A benchmark's process: started with the other Python, asked with a time limit, ended when nobody needs it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .benchmark_server.wire import NoFrame, pack, unpack

START_S = 180.0  # importing a simulator from a cold disk
REQUEST_S = 60.0
END_S = 2.0  # for a process that is told to end
_ERROR_LINES = 3
# appended, so that no file of ours hides a module of the benchmark's
_LAUNCH = "import sys; sys.path.append({folder!r}); from benchmark_server.__main__ import serve; serve()"


class BenchmarkFailed(Exception):
    """The benchmark raised, hung or died: its episode is lost, another may work."""


class Process:
    """One running benchmark. Not thread-safe. Every method raises BenchmarkFailed."""

    def __init__(self, python: Path, environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        try:
            self._process = subprocess.Popen(
                [str(python), "-I", "-c", _LAUNCH.format(folder=str(Path(__file__).parent))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                env=os.environ | environment,
                # Ctrl-C in the terminal is for the caller, which then ends its processes
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise BenchmarkFailed(f"{python} cannot be run: {error}") from error

    @property
    def id(self) -> int:
        """The system's number of the process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it can be asked: it has not ended, nor been ended."""
        return not self._errors.closed and self._process.poll() is None

    def ask(
        self, do: str, arrays: Mapping[str, np.ndarray] | None = None, *, timeout_s: float | None = None, **fields: Any
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Send the request `do` and wait for its answer: message and arrays.

        A process that has not answered within `timeout_s` (None: REQUEST_S), or answers nonsense, is ended.
        """
        timeout_s = REQUEST_S if timeout_s is None else timeout_s
        if not self.is_running:
            raise BenchmarkFailed("the benchmark's process has ended")
        deadline = time.monotonic() + timeout_s
        try:
            self._write(pack({"do": do} | fields, arrays or {}), deadline)
            message, found = unpack(lambda n: self._read(n, deadline))
        except TimeoutError as error:
            self.close()
            raise BenchmarkFailed(f"the benchmark did not answer `{do}` within {timeout_s:g} s") from error
        except (EOFError, BrokenPipeError) as error:
            code = self._end()
            said = self.last_words()
            self.close()
            raise BenchmarkFailed(f"the benchmark's process died at `{do}` (exit code {code}){said}") from error
        except NoFrame as error:
            self.close()
            raise BenchmarkFailed(f"the benchmark's process answered `{do}` with something else ({error})") from error
        if "error" in message:
            raise BenchmarkFailed(message["error"])
        return message, found

    def last_words(self) -> str:
        """The end of what the process wrote to its error stream, ready to be put behind a sentence."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return ": " + " | ".join(line.strip() for line in lines[-_ERROR_LINES:]) if lines else ""

    def close(self) -> None:
        """End the process, whatever it is doing. May be called twice."""
        self._end()
        self._errors.close()

    def _end(self) -> int:
        """Its exit code. With its input closed it ends by itself, unless it is stuck."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            return self._process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _write(self, data: bytes, deadline: float) -> None:
        assert self._process.stdin is not None
        view, descriptor = memoryview(data), self._process.stdin.fileno()
        while view:
            _, ready, _ = select.select([], [descriptor], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            view = view[os.write(descriptor, view[: select.PIPE_BUF]) :]

    def _read(self, n: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor, parts = self._process.stdout.fileno(), []
        while n:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(descriptor, n)
            if not part:
                raise EOFError
            parts.append(part)
            n -= len(part)
        return b"".join(parts)
