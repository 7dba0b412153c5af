"""The same ACT training by `lerobot-train` and by `understudy train`, in turn, each in a process of its own.

    python benchmarks/side_by_side.py --size 96x96 --rounds 3        (about seven minutes on two cores)
    python benchmarks/side_by_side.py --quick                        (does everything work? the numbers mean nothing)
    python benchmarks/side_by_side.py --lerobot none --understudy default "plain --precision=fp32 --fast_paths=false"

A round runs every variant once, always in the same order: LeRobot in each of its settings, with each number of loader
processes, then Understudy on a dataset it has never seen (as it comes: it decodes every frame first; two steps, for the
time to the first) and on the same one again, in each of its settings. Ratios are taken within a round, so that a
machine that is slower for a while is so for both. Before the first round each program runs once unmeasured, which
brings libraries and data into the page cache and LeRobot's own cache.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from camera_dataset import Recording, add_recording_options, make_recording, recording_of, size_of
from contestants import (
    DEFAULT,
    FP32,
    FRAME_CACHE,
    LEROBOT_SETTINGS,
    WORK,
    Variant,
    default_threads,
    environment,
    forget_frames,
    lerobot_is_there,
    run_to_end,
    say,
    train_command,
    understudy_setting,
)
from result_file import Key, Record, ResultFile, add_results_option, busy_before, open_results
from training_log import pace_of, read_steps
from training_tables import training_tables
from watched_process import Watched, watch

LIMIT_S = 900.0
_FIRST_TIME_STEPS = 2


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to measure."""

    recording: Recording
    rounds: int
    steps: int
    warm_up: int
    threads: int
    lerobot: tuple[Variant, ...]
    understudy: tuple[Variant, ...]
    deadline: float  # time.monotonic() by which the last round should end; the first one is run in any case

    def variants(self) -> list[Variant]:
        return [*self.lerobot, Variant("understudy", DEFAULT, first_time=True), *self.understudy]

    def key(self, variant: Variant, number: int) -> Key:
        steps = _FIRST_TIME_STEPS if variant.first_time else self.steps
        return {
            "benchmark": "side_by_side",
            "recording": self.recording.name,
            "variant": {**dataclasses.asdict(variant), "flags": list(variant.flags)},  # as JSON gives it back
            "round": number,
            "steps": steps,
            "warm_up": self.warm_up,
            "threads": self.threads,
        }


def compare(plan: Plan, results: ResultFile) -> None:
    """Run the rounds; what is in `results` already is not run again."""
    dataset = make_recording(plan.recording, WORK / "data" / plan.recording.name)
    results.begin("side_by_side", plan.recording.name)
    prepared: set[str] = set()
    longest_round = 0.0
    for number in range(plan.rounds):
        began = time.monotonic()
        if number and began + longest_round > plan.deadline:
            say(f"no time for another round: {number} of {plan.rounds} are done")
            return
        for variant in plan.variants():
            key = plan.key(variant, number)
            if results.find(key):
                continue
            _prepare(variant, dataset, plan.threads, prepared)
            busy = busy_before()
            watched = train(variant, dataset, key["steps"], plan.threads)
            record = record_of(watched, None if variant.first_time else plan.warm_up)
            results.add(key, {"cpu_busy_before_percent": busy, **record})
            say(f"{plan.recording.name} round {number + 1} of {plan.rounds}  {variant.name:32} {_in_short(record)}")
        longest_round = max(longest_round, time.monotonic() - began)


def _prepare(variant: Variant, dataset: Path, threads: int, prepared: set[str]) -> None:
    """Put the caches into the state that the variant is about, and run its program once unmeasured."""
    if variant.side == "lerobot" and not lerobot_is_there():
        return
    if variant.side not in prepared:
        prepared.add(variant.side)
        train(dataclasses.replace(variant, workers=0, first_time=False), dataset, 1, threads)
    if variant.first_time:
        forget_frames()
    elif variant.side == "understudy" and not FRAME_CACHE.exists():
        train(variant, dataset, 1, threads)


def train(variant: Variant, dataset: Path, steps: int, threads: int) -> Watched:
    """One training, watched; nothing of it stays on the disk."""
    output = WORK / "run"
    shutil.rmtree(output, ignore_errors=True)
    command = train_command(variant, dataset, output, steps)
    try:
        return watch(command, environment=environment(threads, variant), limit_s=LIMIT_S, cwd=WORK)
    finally:
        shutil.rmtree(output, ignore_errors=True)


def record_of(watched: Watched, warm_up: int | None) -> Record:
    """What is kept of a run: the raw steps, when the first line came, the peaks of memory, or why it failed.

    warm_up   steps that do not count for the pace; None leaves the pace out
    """
    steps = read_steps(watched.lines)
    if watched.exit_code != 0 or not steps:
        ended = f"exit code {watched.exit_code}" if watched.exit_code is not None else f"stopped after {LIMIT_S:.0f} s"
        return {"failed": f"{ended}: {watched.last_words()}"}
    record: Record = {
        "seconds": watched.seconds,
        "first_step_s": steps[0].at_s,
        "memory": dataclasses.asdict(watched.memory),
        "steps": [[step.at_s, step.update_s, step.data_s] for step in steps],
    }
    if warm_up is not None:
        record["pace"] = dataclasses.asdict(pace_of(steps, warm_up))
    return record


def _in_short(record: Record) -> str:
    if "failed" in record:
        return f"FAILED: {record['failed']}"
    pace: dict[str, Any] | None = record.get("pace")
    rate = f"{1 / pace['step_s']:.3f} steps/s, " if pace else ""
    return f"{rate}first step after {record['first_step_s']:.1f} s, {record['memory']['rss'] / 1e9:.2f} GB"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare ACT training by LeRobot and by Understudy.")
    parser.add_argument("--size", type=size_of, default=(96, 96), metavar="HEIGHTxWIDTH", help="96x96 or 480x640")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--warm-up", type=int, default=3, help="first steps that are not counted")
    parser.add_argument("--threads", type=int, default=default_threads(), help="of OpenMP, for both")
    parser.add_argument(
        "--lerobot",
        nargs="+",
        default=["fp32:2", "fp32:4", "bf16:2"],
        metavar="SETTING:WORKERS",
        help="fp32, bf16 or compiled, and a number of loader processes (4 is LeRobot's default); `none` for none",
    )
    parser.add_argument(
        "--understudy",
        nargs="+",
        default=[FP32, DEFAULT],
        metavar="SETTING",
        help="`fp32`, `default`, or a name and flags in one word: 'plain --precision=fp32 --fast_paths=false'",
    )
    add_recording_options(parser)
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no round that would end later")
    add_results_option(parser)
    parser.add_argument("--quick", action="store_true", help="one round of few steps on a tiny recording")
    return parser.parse_args()


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the command line asks for."""
    lerobot = tuple(_lerobot_setting(text) for text in options.lerobot if text != "none")
    understudy = tuple(map(understudy_setting, options.understudy))
    recording = recording_of(options)
    deadline = time.monotonic() + 60 * options.minutes
    plan = Plan(
        recording, options.rounds, options.steps, options.warm_up, options.threads, lerobot, understudy, deadline
    )
    if options.quick:
        options.results = options.results or WORK / "quick.json"
        small = dataclasses.replace(recording, episodes=2, frames=40)
        plan = dataclasses.replace(plan, recording=small, rounds=1, steps=4, warm_up=1)
    return plan


def _lerobot_setting(text: str) -> Variant:
    """`bf16:4`. Raises ValueError."""
    setting, workers = text.split(":")
    if setting not in LEROBOT_SETTINGS:
        raise ValueError(f"LeRobot's settings are {', '.join(LEROBOT_SETTINGS)}, not {setting}")
    return Variant("lerobot", setting, workers=int(workers))


def main() -> int:
    """Measure, save, print the tables; 1 if a run of Understudy's failed."""
    plan = plan_of(arguments_ := arguments())
    WORK.mkdir(parents=True, exist_ok=True)
    results = open_results(arguments_.results)
    compare(plan, results)
    print(training_tables(results.document, plan.recording.name))
    print(f"\nall measurements: {results.path}")
    ours = [r for r in results.document["records"] if r["key"].get("variant", {}).get("side") == "understudy"]
    return int(any("failed" in record for record in ours))


if __name__ == "__main__":
    sys.exit(run_to_end(main))
