"""Patience: how long ago the held-out error was smallest, and whether a run that waits for a smaller one ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Patience:
    """Kept in every checkpoint, so that a resumed run ends where the one that never stopped would have.

    lowest   the smallest value so far of what the best checkpoint goes by; None before the first validation
    waited   validations since then
    """

    lowest: float | None = None
    waited: int = 0

    def add(self, value: float) -> None:
        """A validation gave `value`; only what is strictly lower counts, so a NaN never does."""
        if self.lowest is None or value < self.lowest:
            self.lowest, self.waited = value, 0
        else:
            self.waited += 1

    def is_out(self, early_stopping: int) -> bool:
        """Whether the run ends, having waited for `early_stopping` validations; 0: never."""
        return 0 < early_stopping <= self.waited
