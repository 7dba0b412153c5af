"""Where the time between the command and the first update goes, phase by phase."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil

# what is not named is not worth a word in the plan
_SHOWN_S = 0.05


class StartUp:
    """Seconds by phase, in the order in which the phases ended.

    launched   time.time() when the command was started: what passed since then is the phase `imports`; None: now
    """

    def __init__(self, launched: float | None = None) -> None:
        self.seconds: dict[str, float] = {}
        before = 0.0
        if launched is not None:
            before = self.seconds["imports"] = max(0.0, time.time() - launched)
        self._began = time.perf_counter() - before

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside as `name`. A phase within a phase counts for itself alone."""
        began, counted = time.perf_counter(), sum(self.seconds.values())
        try:
            yield
        finally:
            within = sum(self.seconds.values()) - counted
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began - within

    @property
    def total(self) -> float:
        """Seconds since the launch, in a phase or between two."""
        return time.perf_counter() - self._began

    def __str__(self) -> str:
        shown = [f"{name} {seconds:.1f}" for name, seconds in self.seconds.items() if seconds >= _SHOWN_S]
        return f"in {self.total:.1f} s: {', '.join(shown)}" if shown else f"in {self.total:.1f} s"


def launched() -> float:
    """time.time() when this process was started."""
    return float(psutil.Process().create_time())
