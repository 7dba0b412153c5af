"""What it costs to get a batch: decoding once, then gathering; beside a training step, and beside LeRobot's loader.

    python benchmarks/data_path.py --size 480x640

A batch is 8 windows of chunk 100 in random order from the frame store, whose pages are in the page cache (it has just
been written). The training step is the median of a real `understudy train`, which also tells how long it waited.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from camera_dataset import CAMERA, Recording, add_recording_options, make_recording, recording_of, size_of
from contestants import (
    BATCH,
    CHUNK,
    DEFAULT,
    ROOT,
    WORK,
    Variant,
    default_threads,
    environment,
    forget_frames,
    lerobot_is_there,
    lerobot_program,
    run_to_end,
    say,
)
from result_file import Key, Record, ResultFile, add_results_option, busy_before, open_results
from side_by_side import record_of, train
from tables import data_path_table
from training_log import quantile
from watched_process import watch

_LOADER = ROOT / "benchmarks/lerobot_windows.py"
_LIMIT_S = 300.0
_WARM_UP = 2


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    recording: Recording
    threads: int
    gathers: int  # batches gathered
    steps: int  # training steps, the first of them uncounted
    decodes: int  # times that the whole recording is decoded
    workers: tuple[int, ...]  # of LeRobot's loader
    seconds: float  # that each of its settings is timed


def measure(plan: Plan, results: ResultFile) -> None:
    """Measure every part that `results` does not hold yet."""
    dataset = make_recording(plan.recording, WORK / "data" / plan.recording.name)
    results.begin("data_path", plan.recording.name)
    parts: dict[str, Callable[[], Record]] = {"Understudy": partial(understudy_part, plan, dataset)}
    for workers in plan.workers:
        parts[f"LeRobot, {workers} workers"] = partial(lerobot_part, plan, dataset, workers)
    for part, measured in parts.items():
        key: Key = {"benchmark": "data_path", "recording": plan.recording.name, "part": part, "threads": plan.threads}
        key |= {"gathers": plan.gathers, "steps": plan.steps, "decodes": plan.decodes, "seconds": plan.seconds}
        if results.find(key):
            continue
        busy = busy_before()
        record = results.add(key, {**measured(), "cpu_busy_before_percent": busy})
        say(f"{plan.recording.name} {part:20} {record.get('failed') or record['figures']}")


def understudy_part(plan: Plan, dataset: Path) -> Record:
    """Decode, gather, train; the figures that the table shows."""
    frames_per_s = [_decode_all(dataset) for _ in range(plan.decodes)]
    gathers = _gather_batches(dataset, plan.gathers)
    gather_s = statistics.median(gathers)
    run = record_of(train(Variant("understudy", DEFAULT), dataset, plan.steps, plan.threads), warm_up=_WARM_UP)
    if "failed" in run:
        return run
    step_s = run["pace"]["step_s"]
    figures = {
        "frames decoded": plan.recording.total_frames,
        "frames decoded per second, first use": statistics.median(frames_per_s),
        "gathering a batch of 8, ms, median": 1000 * gather_s,
        "gathering a batch of 8, ms, 90th percentile": 1000 * quantile(sorted(gathers), 0.9),
        "training step, ms, median": 1000 * step_s,
        "gathering, % of a training step": 100 * gather_s / step_s,
        "waiting for data in training, % of a step": 100 * run["pace"]["data_share"],
        "windows per second, Understudy (one thread)": BATCH / gather_s,
    }
    return {"figures": figures, "frames_per_s": frames_per_s, "gather_s": gathers, "steps": run["steps"]}


def _decode_all(dataset: Path) -> float:
    """Frames per second from an empty cache to a complete frame store."""
    from understudy.data.frames import open_frames, plan_frames
    from understudy.data.lerobot import load_dataset

    forget_frames()
    loaded = load_dataset(str(dataset))
    began = time.perf_counter()
    open_frames(loaded, plan_frames(loaded, tier="disk")).close()
    return loaded.num_rows / (time.perf_counter() - began)


def _gather_batches(dataset: Path, count: int) -> list[float]:
    """Seconds of each of `count` batches, in the order that training would draw them, after a few uncounted ones."""
    import numpy as np

    from understudy.data.frames import open_frames, plan_frames
    from understudy.data.lerobot import load_dataset
    from understudy.data.sampler import Sampler
    from understudy.data.windows import Windows

    loaded = load_dataset(str(dataset))
    frames = open_frames(loaded, plan_frames(loaded, tier="disk"))
    windows = Windows(loaded, frames, action_offsets=range(CHUNK), cameras=[CAMERA])
    sampler = Sampler(np.arange(loaded.num_rows), BATCH, seed=1000)
    uncounted, seconds = 5, []
    for draw in range(uncounted + count):
        began = time.perf_counter()
        windows.gather(sampler.rows_of(draw))
        seconds.append(time.perf_counter() - began)
    frames.close()
    return seconds[uncounted:]


def lerobot_part(plan: Plan, dataset: Path, workers: int) -> Record:
    """Windows per second of LeRobot's loader with so many worker processes."""
    if not lerobot_is_there():
        return {"failed": "LeRobot's environment is not installed"}
    command = [str(lerobot_program("python")), str(_LOADER), str(dataset), f"--workers={workers}"]
    command += [f"--seconds={plan.seconds}", f"--batch={BATCH}", f"--chunk={CHUNK}"]
    watched = watch(command, environment=environment(plan.threads), limit_s=_LIMIT_S, cwd=WORK, memory=False)
    found = [line.text for line in watched.lines if line.text.startswith('{"windows_per_s"')]
    if watched.exit_code != 0 or not found:
        return {"failed": f"exit code {watched.exit_code}: {watched.last_words()}"}
    loaded = json.loads(found[-1])
    return {"figures": {f"windows per second, LeRobot, {workers} workers": loaded["windows_per_s"]}, "loaded": loaded}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure what a batch costs.")
    parser.add_argument("--size", type=size_of, default=(96, 96), metavar="HEIGHTxWIDTH", help="96x96 or 480x640")
    parser.add_argument("--threads", type=int, default=default_threads(), help="of OpenMP, for both")
    parser.add_argument("--gathers", type=int, default=200)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--decodes", type=int, default=3)
    parser.add_argument(
        "--lerobot-workers", default="0,2,4", help="numbers of loader processes to try, `none` for none"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="that each setting of LeRobot's loader is timed")
    add_recording_options(parser)
    add_results_option(parser)
    return parser.parse_args()


def main() -> int:
    """Measure, save, print the table; 1 if Understudy's part failed."""
    options = arguments()
    recording = recording_of(options)
    workers = () if options.lerobot_workers == "none" else tuple(int(n) for n in options.lerobot_workers.split(","))
    plan = Plan(recording, options.threads, options.gathers, options.steps, options.decodes, workers, options.seconds)
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(plan.threads))  # before torch is imported: it reads the number of threads once
    results = open_results(options.results)
    measure(plan, results)
    print(data_path_table(results.document))
    records = [r for r in results.document["records"] if r["key"].get("part") == "Understudy"]
    return int(any("failed" in record for record in records))


if __name__ == "__main__":
    sys.exit(run_to_end(main))
