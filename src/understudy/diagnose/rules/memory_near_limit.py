"""Memory that is nearly used up, or that grows until it will be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_NEAR, _FEWEST = 0.9, 20
_GPU_NEAR = 0.95
_HOURS = 24.0


def check(run: RunView) -> Iterator[Finding]:
    yield from _gpu(run)
    seconds, used = run.measured("rss_bytes")
    total = run.fact("memory_bytes")
    if len(used) < _FEWEST or not total:
        return
    if used.max() > _NEAR * total:
        yield Finding(
            "warning",
            f"training took {used.max() / 1e9:.1f} of {total / 1e9:.1f} GB of memory",
            "--dataset.frames=disk keeps frames out of memory; a smaller batch, or more memory",
            {"used_bytes": int(used.max()), "total_bytes": int(total)},
        )
        return
    # the begin loads and decodes; what grows after that does so for ever
    late = slice(len(used) // 2, None)
    hours = (seconds[late] - seconds[late][0]) / 3600
    if hours[-1] < 0.1:
        return
    slope, start = np.polyfit(hours, used[late], 1)
    noise = float(np.std(used[late] - (start + slope * hours)))
    left = (total - used[-1]) / slope if slope > 0 else np.inf
    if slope * hours[-1] > 5 * noise and slope * hours[-1] > 0.05 * used[-1] and left < _HOURS:
        yield Finding(
            "warning",
            f"memory grows by {slope / 1e9:.2f} GB an hour and will be full in about {left:.0f} h",
            "stop and go on with `understudy train --resume RUN` before that; and please report it",
            {"bytes_per_hour": int(slope), "hours_left": round(float(left), 1)},
        )


def _gpu(run: RunView) -> Iterator[Finding]:
    _, used = run.measured("gpu_memory_bytes")
    total = run.fact("gpu_memory_bytes")
    if len(used) < _FEWEST or not total or used.max() <= _GPU_NEAR * total:
        return
    yield Finding(
        "note",
        f"{used.max() / 1e9:.1f} of {total / 1e9:.1f} GB of the GPU's memory were in use",
        "it fits, with little to spare: another program on this GPU or a larger picture would end the run. A smaller "
        "--batch_size with --grad_accumulation_steps keeps the batch of an update",
        {"used_bytes": int(used.max()), "total_bytes": int(total)},
    )


RULE = Rule(
    "memory_near_limit", Looks.RUN, check, source="huggingface/lerobot threads 2371, 1113: memory that grows", live=True
)
