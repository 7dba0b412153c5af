"""How long it takes to record demonstrations in simulation, and what the time goes into.

python benchmarks/recording.py --tasks so101/lift so101/pick-place

Two cameras, every core a process. "by the clock" is what a person waits; "processor" is what it takes of the cores,
which another program beside it hardly changes, and the shares are of that.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time

from contestants import WORK, say
from result_file import busy_before
from understudy.record.config import RecordConfig
from understudy.record.run import Recorded, record

_HEAD = (
    "| task | size | episodes | frames | by the clock, s | processor, s "
    "| physics and expert | drawing | encoding | joining, s |"
)


def measure(task: str, size: int, episodes: int, workers: int | None) -> tuple[Recorded, float]:
    """(what was recorded, seconds by the clock) of one recording, which is removed again."""
    root = WORK / "recording" / task.replace("/", "-")
    shutil.rmtree(root, ignore_errors=True)
    config = RecordConfig.model_validate(
        {
            "env": {"type": task, "width": size, "height": size},
            "dataset": {"root": root, "num_episodes": episodes},
            "workers": workers,
        }
    )
    began = time.perf_counter()
    recorded = record(config)
    seconds = time.perf_counter() - began
    assert recorded is not None
    shutil.rmtree(root)
    return recorded, seconds


def row(task: str, size: int, recorded: Recorded, wall_s: float) -> str:
    """A line of the table."""
    seconds = recorded.seconds
    physics = seconds["all"] - seconds["drawing"] - seconds["encoding"]
    shares = (f"{part / seconds['all']:.0%}" for part in (physics, seconds["drawing"], seconds["encoding"]))
    numbers = (recorded.episodes, recorded.frames, f"{wall_s:.1f}", f"{seconds['all']:.1f}")
    cells = [task, f"{size}x{size}", *map(str, numbers), *shares, f"{seconds['joining']:.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Time recordings in simulation.")
    parser.add_argument("--tasks", nargs="+", default=["so101/lift", "so101/pick-place"])
    parser.add_argument("--size", type=int, default=96, help="height and width of the pictures")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    say(f"{os.cpu_count()} cores, other programs use {busy_before():.0f} % of them")
    rows = [row(t, options.size, *measure(t, options.size, options.episodes, options.workers)) for t in options.tasks]
    print("\n".join([_HEAD, "| --- | --- |" + " --: |" * 8, *rows]))


if __name__ == "__main__":
    main()
