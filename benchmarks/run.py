"""All benchmarks, bounded in time, and the page that tells what came out. This is what `make bench` runs.

    make bench                                    (about twenty minutes on two cores)
    make bench BENCH_ARGS=--quick                 (a few minutes; says whether everything works, and writes no page)

Each benchmark is a process of its own. Every measurement is saved when it is made, so after an interruption the same
command goes on where it stopped; to measure everything afresh, remove the result file that the page names. LeRobot's
environment is made if it is missing; where it cannot be, Understudy alone is measured and the page says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from contestants import LEROBOT_FOLDER, LEROBOT_SCRIPT, ROOT, WORK, forget_frames, lerobot_is_there, run_to_end, say
from result_file import open_results
from speed_page import PAGE, write_page

_SMALL_SHARE = 0.6  # of the time, until which rounds at 96x96 may be begun; the rest is for 480x640
_QUICK_RECORDING = ["--episodes=2", "--frames=40"]


def benchmarks(minutes: float, quick: bool) -> list[list[str]]:
    """The command lines, without the interpreter and the result file."""
    if quick:
        return [
            ["start_up.py", "--runs=1"],
            ["data_path.py", "--steps=4", "--decodes=1", "--seconds=1", "--lerobot-workers=0", *_QUICK_RECORDING],
            ["side_by_side.py", "--quick", "--lerobot-workers=0"],
        ]
    small, large = "--size=96x96", "--size=480x640"
    return [
        ["start_up.py", "--runs=5"],
        ["data_path.py", small],
        ["data_path.py", large, "--steps=5", "--seconds=6"],
        ["side_by_side.py", small, "--rounds=3", "--steps=12", f"--minutes={minutes * _SMALL_SHARE}"],
        ["side_by_side.py", large, "--rounds=3", "--steps=6", "--lerobot-workers=2,4", f"--minutes={minutes}"],
    ]


def make_lerobot_environment() -> None:
    """Make LeRobot's environment unless it is complete; a failure is said, and the benchmarks go on without it."""
    done = subprocess.run(["bash", str(LEROBOT_SCRIPT), str(LEROBOT_FOLDER)], cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode != 0 or not lerobot_is_there():
        say("LeRobot's environment could not be made: only Understudy is measured")


def main() -> int:
    """Run everything, write the page; 1 if something of Understudy's failed."""
    parser = argparse.ArgumentParser(description="Run all benchmarks and write docs/evidence/speed.md.")
    parser.add_argument("--minutes", type=float, default=20.0, help="begin nothing that would end later than this")
    parser.add_argument("--results", type=Path, help="JSON file to go on with (default: today's in benchmarks/results)")
    parser.add_argument("--quick", action="store_true", help="everything once, tiny; the page is left as it is")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    make_lerobot_environment()
    began = time.monotonic()
    results = open_results(options.results or (WORK / "quick.json" if options.quick else None))
    failed = []
    for arguments in benchmarks(options.minutes, options.quick):
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
