"""Reads the step lines that `lerobot-train` and `understudy train` both print, and what they say about speed.

    INFO 2026-01-31 12:00:00 ot_train.py:435 step:4 smpl:32 ... updt_s:1.465 data_s:0.048

`updt_s` is forward, backward and optimiser, `data_s` the wait for the batch; with --log_freq=1 every step has a line.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from watched_process import Line

_STEP = re.compile(r"\bstep:\S+ smpl:")
_FIELD = re.compile(r"\b(updt_s|data_s):([0-9.]+)")


@dataclass(frozen=True)
class Step:
    """One step: when its line came (seconds after launch), seconds of the update, seconds waiting for data."""

    at_s: float
    update_s: float
    data_s: float

    @property
    def total_s(self) -> float:
        return self.update_s + self.data_s


@dataclass(frozen=True)
class Pace:
    """How fast the steps after the warm-up were. `low` and `high` are the 10th and 90th percentile over steps."""

    steps: int
    step_s: float
    low_s: float
    high_s: float
    outside_s: float  # median time between the arrival of two step lines
    data_share: float  # of the time of a step, how much was spent waiting for data

    @property
    def steps_per_s(self) -> float:
        return 1 / self.step_s


def read_steps(lines: Sequence[Line]) -> list[Step]:
    """The steps of a log, in order. The step numbers are not read: from 1000 on they are rounded (`step:1K`)."""
    steps = []
    for line in lines:
        if _STEP.search(line.text):
            fields = {name: float(value) for name, value in _FIELD.findall(line.text)}
            steps.append(Step(line.at_s, fields["updt_s"], fields["data_s"]))
    return steps


def pace_of(steps: Sequence[Step], warm_up: int) -> Pace:
    """The pace after `warm_up` steps. Raises ValueError unless two steps are left."""
    measured = steps[warm_up:]
    if len(measured) < 2:
        raise ValueError(f"{len(steps)} steps, of which {warm_up} are warm-up, leave too few to measure")
    totals = sorted(step.total_s for step in measured)
    between = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(measured)]
    return Pace(
        steps=len(measured),
        step_s=statistics.median(totals),
        low_s=quantile(totals, 0.1),
        high_s=quantile(totals, 0.9),
        outside_s=statistics.median(between),
        data_share=sum(step.data_s for step in measured) / sum(totals),
    )


def quantile(ordered: Sequence[float], q: float) -> float:
    """Quantile of sorted values, with linear interpolation between neighbours (numpy's default)."""
    place = q * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
