"""What is measured of a pendulum's course: how long it stood, and when it had converged. For n episodes at once.

A course has converged when 10 consecutive steps ended with the pole within 0.02 rad of 0 (no correction for the lean),
and it converged at the first step, counted from 0, of the first such window. One that falls later has converged too.
"""

from __future__ import annotations

import numpy as np

from .physics import has_fallen

CALM_ANGLE = 0.02
CALM_STEPS = 10


class Course:
    """Bookkeeping of n episodes that step together.

    steps         (n,) control steps taken, the one that fell included
    fallen        (n,) bool
    converged_at  (n,) int, -1 where it has not
    """

    def __init__(self, n: int) -> None:
        self.steps = np.zeros(n, dtype=np.int64)
        self.fallen = np.zeros(n, dtype=bool)
        self.converged_at = np.full(n, -1, dtype=np.int64)
        self._calm = np.zeros(n, dtype=np.int64)

    def add(self, states: np.ndarray, rows: np.ndarray) -> None:
        """A step of the episodes `rows` (m,), which ended in `states` (m, 4)."""
        self.steps[rows] += 1
        self.fallen[rows] = has_fallen(states)
        calm = np.abs(states[:, 1]) < CALM_ANGLE
        self._calm[rows] = np.where(calm, self._calm[rows] + 1, 0)
        new = rows[(self._calm[rows] >= CALM_STEPS) & (self.converged_at[rows] < 0)]
        self.converged_at[new] = self.steps[new] - CALM_STEPS

    @property
    def stood(self) -> np.ndarray:
        """(n,) steps after which the pole still stood."""
        return self.steps - self.fallen
