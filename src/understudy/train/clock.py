"""Seconds per step since the last reading, and the part of them spent waiting for data; pauses are left out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Clock:
    """Reads seconds per step; what happens inside `paused` counts for nothing."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._waited = 0.0
        self._paused = 0.0

    @contextlib.contextmanager
    def waiting_for_data(self) -> Iterator[None]:
        """What happens inside counts as waiting for data."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside is left out."""
        began = time.perf_counter()
        yield
        self.leave_out(time.perf_counter() - began)

    def leave_out(self, seconds: float) -> None:
        """So much of the time that has passed counts for nothing."""
        self._paused += seconds

    def read(self, steps: int) -> tuple[float, float]:
        """(seconds per step, seconds per step waiting for data); starts a new window."""
        now = time.perf_counter()
        per_step = (now - self._began - self._paused) / steps
        waited = self._waited / steps
        self._began, self._waited, self._paused = now, 0.0, 0.0
        return per_step, waited
