"""An ensemble as one computation, as one process after another, as two processes at a time: what each takes.

    python benchmarks/batched_ensemble.py --dataset=FOLDER [--policies=tiny_pi0,tiny_pi0_fast] [--batch_sizes=16,64,256]
                                          [--seeds=10] [--steps=300] [--rounds=3]

Each way is a whole `understudy ensemble` of its own, from the start of the program to the summary, without measuring
held-out episodes; the order of the ways changes from round to round, and the medians are compared. Processes at a time
have one thread each, the others as many as torch takes. Also printed: what `--together=auto` would have chosen.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = {
    "batched": ["--together=on"],
    "one by one": ["--together=off", "--jobs=1"],
    "jobs=2": ["--together=off", "--jobs=2", "--threads=1"],
    "batched, 2 jobs' threads": ["--together=on", "--jobs=2", "--threads=1"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--policies", default="tiny_pi0,tiny_pi0_fast")
    parser.add_argument("--batch_sizes", default="16,64,256")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for policy in given.policies.split(","):
        for batch in (int(size) for size in given.batch_sizes.split(",")):
            words = [
                f"--seeds={given.seeds}",
                f"--dataset.repo_id={given.dataset.resolve()}",
                f"--policy.type={policy}",
                "--policy.device=auto",
                f"--batch_size={batch}",
                f"--steps={given.steps}",
                "--precision=fp32",
                "--eval_steps=0",
                "--save_freq=0",
                "--tensorboard=false",
            ]
            print(f"{policy}, batch {batch}, {given.seeds} seeds of {given.steps} updates", flush=True)
            compare(words, given.rounds)


def compare(words: list[str], rounds: int) -> None:
    """Time every way `rounds` times, and print medians and ratios."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        order = list(WAYS)[number % len(WAYS) :] + list(WAYS)[: number % len(WAYS)]
        for way in order:
            seconds[way].append(timed([*words, *WAYS[way]]))
    medians = {way: statistics.median(found) for way, found in seconds.items()}
    for way, found in seconds.items():
        spread = f"{min(found):.1f} to {max(found):.1f}"
        ratio = medians[way] / medians["one by one"]
        print(f"  {way:<26} {medians[way]:7.1f} s  ({spread})   {ratio:.2f} of one by one", flush=True)
    for more in (["--jobs=1"], ["--jobs=2", "--threads=1"]):
        print(f"  auto, {' '.join(more):<20} {chosen([*words, *more])}", flush=True)


def timed(words: list[str]) -> float:
    """Seconds of one ensemble."""
    folder = Path(tempfile.mkdtemp())
    began = time.perf_counter()
    ensemble([*words, f"--output_dir={folder}"])
    seconds = time.perf_counter() - began
    shutil.rmtree(folder)
    return seconds


def chosen(words: list[str]) -> str:
    """The line in which `--together=auto` says what it takes, and why."""
    folder = Path(tempfile.mkdtemp())
    told = ensemble([*words, f"--output_dir={folder}", "--dry_run"])
    shutil.rmtree(folder)
    lines = [line for line in told.splitlines() if line.startswith(("together ", "apart "))]
    return lines[-1] if lines else "nothing"


def ensemble(words: list[str]) -> str:
    """Run `understudy ensemble`; what it said."""
    done = subprocess.run([sys.executable, "-m", "understudy", "ensemble", *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the ensemble failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
