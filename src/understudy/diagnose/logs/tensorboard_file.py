"""TensorBoard's event files, read through the tensorboard package."""

from __future__ import annotations

import logging
from pathlib import Path

from understudy.core.errors import DataError

from .metric_names import sort_out
from .parsed import ParsedLog


def read_tensorboard(path: Path) -> ParsedLog:
    """The scalars of one event file. Raises DataError for a file that is none, or is damaged from the start."""
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # 0: keep every scalar instead of a sample of them
    accumulator = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
    try:
        accumulator.Reload()
    except Exception as error:  # its reader raises whatever the bytes make it stumble over
        raise DataError(f"the event file cannot be read: {error}", where=str(path)) from error
    log = ParsedLog("TensorBoard")
    found: dict[tuple[str, int], dict[str, float]] = {}
    times: dict[int, float] = {}
    for tag in accumulator.Tags()["scalars"]:
        for scalar in accumulator.Scalars(tag):
            kind, name, value = sort_out(tag, float(scalar.value))
            log.metric_lines += 1
            found.setdefault((kind, int(scalar.step)), {})[name] = value
            times[int(scalar.step)] = float(scalar.wall_time)
    if not found:
        raise DataError("the event file holds no scalars", where=str(path))
    log.read_lines = log.metric_lines
    for (event, step), values in sorted(found.items(), key=lambda item: item[0][1]):
        log.events.append({"event": event, "step": float(step), "time": times[step], **values})
    return log
