"""How long a run that is not finished will still take, by how fast its last lines came."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_FEWEST, _BLOCKS = 12, 10
_SURE = 1.03  # nobody knows it better than this


def check(run: RunView) -> Iterator[Finding]:
    planned, done = run.fact("total_steps"), run.last_step
    if not planned or run.ended != "" or done >= planned:
        return
    blocks = _step_seconds(run)
    if blocks is None:
        return
    left = planned - done
    usual = float(np.mean(blocks))
    # a machine's load changes slowly: twice as far off as the run has been for a tenth of its second half
    low = left * min(usual / _SURE, max(0.0, usual - 2 * (usual - float(blocks.min()))))
    high = left * max(usual * _SURE, usual + 2 * (float(blocks.max()) - usual))
    usual *= left
    yield Finding(
        "note",
        f"{left:,.0f} of {planned:,.0f} steps are left, about {_words(usual)} of work (between {_words(low)} and "
        f"{_words(high)}, if the machine is as busy as it was)",
        "the note `worth_going_on` says what these steps are likely to bring",
        {"steps_left": int(left), "seconds": round(usual), "low": round(low), "high": round(high)},
    )


def _step_seconds(run: RunView) -> np.ndarray | None:
    """Seconds per step in ten blocks of the second half; by the clock, or else by what each line says of its steps."""
    steps, times = run.series("time")
    if len(steps) >= _FEWEST:
        late = steps >= steps[-1] / 2
        passed, done = np.diff(times[late]), np.diff(steps[late])
        usable = (passed > 0) & (done > 0)
        seconds = passed[usable] / done[usable]
        # a validation or a checkpoint takes its time, too; a night during which the run stood still does not count
        seconds = seconds[seconds < 50 * np.median(seconds)] if len(seconds) else seconds
    else:
        seconds = run.series("update_s")[1]
        waited = run.series("data_s")[1]
        seconds = (seconds + waited if len(waited) == len(seconds) else seconds)[len(seconds) // 2 :]
    if len(seconds) < _FEWEST // 2:
        return None
    return np.array([block.mean() for block in np.array_split(seconds, min(_BLOCKS, len(seconds) // 2))])


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


RULE = Rule("time_left", Looks.RUN, check, source="huggingface/lerobot threads 1592, 3191: how long will it take?")
