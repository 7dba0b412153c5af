"""ParsedLog: what a log of another program says, as events of ours, and how much of it was understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from understudy.core.events import Event


@dataclass
class ParsedLog:
    """A log, read.

    events         `step`, `validation` and `evaluation` events of the last start in the file, in order of their steps
    facts          what its header says, by our names: total_steps, batch_size, frames, episodes,
                   log_freq, policy, dataset
    metric_lines   lines (or rows) that hold numbers of a training
    read_lines     of which so many became events
    starts         how often a training begins in the file; what an earlier start wrote is not in `events`
    rounds         whether some lines count their steps in thousands
    errors         (line number from 1, text) of what went wrong, as the program said it
    ends_whole     whether the program said that training ended; None: its format never does
    """

    format: str
    events: list[Event] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    metric_lines: int = 0
    read_lines: int = 0
    starts: int = 1
    rounds: bool = False
    errors: list[tuple[int, str]] = field(default_factory=list)
    ends_whole: bool | None = None
