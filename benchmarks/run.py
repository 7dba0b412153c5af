"""All benchmarks, bounded in time, and the page that tells what came out. This is what `make bench` runs.

    make bench                                                (at most half an hour on two cores)
    make bench BENCH_ARGS=--quick                             (a few minutes; says whether everything works)
    make bench BENCH_ARGS=--parts=training,inference          (these alone; what else was measured before stays)
    make bench BENCH_ARGS='--parts=training --again'          (measures them afresh, also where nothing has changed)

Each benchmark is a process of its own. Every measurement is saved when it is made, so after an interruption the same
command goes on where it stopped. What an older state of the source measured is replaced part by part, and the page says
which state each part is of. A quick run writes no page. LeRobot's environment is made if it is missing; where it cannot
be, Understudy alone is measured and the page says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

from contestants import LEROBOT_FOLDER, LEROBOT_SCRIPT, ROOT, WORK, forget_frames, lerobot_is_there, run_to_end, say
from result_file import add_results_option, open_results
from speed_page import PAGE, write_page

# the benchmarks of each part, by the name in their records' keys
PARTS = {
    "answering": ("start_up",),
    "data": ("data_path",),
    "roofline": ("machine_limits", "roofline"),
    "inference": ("inference",),
    "training": ("side_by_side",),
}
_SMALL_SHARE = 0.65  # of the time, until which rounds at 96x96 may be begun; the rest is for 480x640
_FAST = ["fp32", "bf16 --precision=bf16"]
_QUICK_RECORDING = ["--episodes=2", "--frames=40"]


def benchmarks(minutes: float, quick: bool) -> dict[str, list[list[str]]]:
    """The command lines of each part, without the interpreter and the result file."""
    small, large = "--size=96x96", "--size=480x640"
    if quick:
        return {
            "answering": [["start_up.py", "--runs=1"]],
            "data": [
                ["data_path.py", "--steps=4", "--decodes=1", "--seconds=1", "--lerobot-workers=0", *_QUICK_RECORDING]
            ],
            "roofline": [["roofline.py", "--steps=1", "--tries=1", *_QUICK_RECORDING]],
            "inference": [["inference.py", "--rounds=1", "--predictions=5", "--control-steps=110", "--sizes", "96x96"]],
            "training": [["side_by_side.py", "--quick", "--lerobot", "fp32:0", "bf16:0"]],
        }
    return {
        "answering": [["start_up.py", "--runs=5"]],
        "data": [["data_path.py", small], ["data_path.py", large, "--steps=5", "--seconds=6"]],
        "roofline": [
            ["roofline.py", small, "--steps=4", "--settings", "plain --precision=fp32 --fast_paths=false", *_FAST],
            ["roofline.py", large, "--steps=2", "--settings", *_FAST],
        ],
        "inference": [["inference.py", "--rounds=2"]],
        "training": [
            ["side_by_side.py", small, "--rounds=3", "--steps=12", f"--minutes={minutes * _SMALL_SHARE}"],
            ["side_by_side.py", large, "--rounds=3", "--steps=6", f"--minutes={minutes}"],
        ],
    }


def make_lerobot_environment() -> None:
    """Make LeRobot's environment unless it is complete; a failure is said, and the benchmarks go on without it."""
    done = subprocess.run(["bash", str(LEROBOT_SCRIPT), str(LEROBOT_FOLDER)], cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode != 0 or not lerobot_is_there():
        say("LeRobot's environment could not be made: only Understudy is measured")


def main() -> int:
    """Run everything, write the page; 1 if something of Understudy's failed."""
    parser = argparse.ArgumentParser(description="Run all benchmarks and write docs/evidence/speed.md.")
    parser.add_argument("--minutes", type=float, default=30.0, help="begin no round that would end later than this")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--again", action="store_true", help="measure the parts afresh, also what is there already")
    add_results_option(parser)
    parser.add_argument("--quick", action="store_true", help="everything once, tiny; the page is left as it is")
    options = parser.parse_args()
    parts = options.parts.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    WORK.mkdir(parents=True, exist_ok=True)
    make_lerobot_environment()
    began = time.monotonic()
    results = open_results(options.results or (WORK / "quick.json" if options.quick else None))
    if options.again:
        results.forget([name for part in parts for name in PARTS[part]])
    failed = []
    planned = benchmarks(options.minutes, options.quick)
    for arguments in [arguments for part in PARTS if part in parts for arguments in planned[part]]:
        left = options.minutes - (time.monotonic() - began) / 60
        say(f"\n-- {' '.join(arguments)}   ({left:.0f} minutes left)")
        name, *flags = [_within(argument, options.minutes - left) for argument in arguments]
        command = [sys.executable, str(ROOT / "benchmarks" / name), *flags, f"--results={results.path}"]
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(" ".join(arguments))
    if not options.quick and results.path.exists():
        write_page(json.loads(results.path.read_text()), results.path.name)
        say(f"\nwritten: {PAGE.relative_to(ROOT)}")
    forget_frames()  # gigabytes that can be made again
    for name in failed:
        say(f"failed on Understudy's side: {name}")
    return int(bool(failed))


def _within(argument: str, spent: float) -> str:
    """The minutes of an argument counted from now instead of from the start."""
    name, _, value = argument.partition("=")
    return f"{name}={float(value) - spent:.1f}" if name == "--minutes" else argument


if __name__ == "__main__":
    sys.exit(run_to_end(main))
