"""Updates wait for batches: the processor that decodes is the limit, not the one that learns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_WARNING, _ERROR = 0.10, 0.50
# seconds in all; less than that nobody minds, however large a share of a short run
_LITTLE_S = 30.0


def check(run: RunView) -> Iterator[Finding]:
    _, waited = run.series("data_s")
    _, updated = run.series("update_s")
    if not len(waited) or len(waited) != len(updated):
        return
    # the first line holds the start of the workers
    shares = (waited / np.maximum(waited + updated, 1e-9))[1 if len(waited) > 3 else 0 :]
    share = float(np.median(shares))
    seconds = float(np.median(waited))
    steps = run.last_step
    if share < _WARNING or seconds * steps < _LITTLE_S:
        return
    yield Finding(
        "error" if share > _ERROR else "warning",
        f"{share:.0%} of a step is spent waiting for data ({seconds:.3f} s of it), "
        f"{seconds * steps / 3600:.1f} h so far",
        "decode the frames once: Understudy's frame store does (`understudy train`, same flags); in LeRobot, raise "
        "--num_workers, or record pictures instead of video",
        {"share": round(share, 3), "data_s": seconds, "steps": int(steps)},
    )


RULE = Rule(
    "starved_by_data",
    Looks.RUN,
    check,
    source="huggingface/lerobot threads 1488, 1592, 1623, 2282; a MI300X run that waited 52 % of each step",
    live=True,
)
