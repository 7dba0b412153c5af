"""SmolVLA's training step in LeRobot and in Understudy, in turn, each in a process of its own.

    python benchmarks/smolvla_training.py --batches 1 4 --rounds 2     (half an hour and more on two cores)
    python benchmarks/smolvla_training.py --batches 64 --device cuda   (written for a GPU, not run on one yet)
    python benchmarks/smolvla_training.py --before FOLDER              (further rows: the sources in FOLDER/src)

Full size: 450,046,176 parameters of random weights, of which 99,880,992 are trained; two cameras. A step begins with
decoded pictures and ends with the optimiser and the schedule. Of Understudy it is timed with pictures, with features of
the vision tower that are kept, and with the whole memory that is kept; reading what is kept is counted. A round runs
every contestant once, always in the same order; ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from contestants import (
    ROOT,
    WORK,
    default_threads,
    environment,
    lerobot_is_there,
    lerobot_program,
    run_to_end,
    say,
)
from result_file import Key, Record, ResultFile, add_results_option, busy_before, open_results
from smolvla_tables import BENCHMARK, smolvla_tables, write_smolvla_page
from watched_process import watch

_LIMIT_S = 1200.0
CONTESTANTS = (
    ("lerobot", "fp32"),
    ("understudy", "fp32-off"),
    ("understudy", "fp32-features"),
    ("understudy", "fp32-memory"),
    ("lerobot", "mixture"),
    ("lerobot", "bf16"),
    ("understudy", "bf16-off"),
    ("understudy", "bf16-features"),
    ("understudy", "bf16-memory"),
)
_BEFORE = (("before", "fp32-memory"), ("before", "bf16-memory"))


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    batches: tuple[int, ...]
    rounds: int
    steps: int
    warm_up: int
    cameras: int
    pixels: int  # along a side of a picture
    threads: int
    device: str
    before: Path | None  # another state of Understudy's sources
    deadline: float  # time.monotonic() after which nothing is begun

    def key(self, side: str, setting: str, batch: int, number: int) -> Key:
        return {
            "benchmark": BENCHMARK,
            "side": side,
            "setting": setting,
            "batch": batch,
            "round": number,
            "steps": self.steps,
            "warm_up": self.warm_up,
            "cameras": self.cameras,
            "pixels": self.pixels,
            "threads": self.threads,
            "device": self.device,
        }


def measure(plan: Plan, results: ResultFile) -> None:
    """Run the rounds; what is in `results` already is not run again."""
    results.begin(BENCHMARK)
    contestants = CONTESTANTS + (_BEFORE if plan.before else ())
    for number in range(plan.rounds):
        for batch in plan.batches:
            for side, setting in contestants:
                key = plan.key(side, setting, batch, number)
                if results.find(key):
                    continue
                if time.monotonic() > plan.deadline:
                    say("no time for more: the same command goes on from here")
                    return
                busy = busy_before()
                record = results.add(key, {**_timed(plan, key), "cpu_busy_before_percent": busy})
                said = record.get("failed") or f"{sorted(record['step_s'])[plan.steps // 2]:.3f} s a step"
                say(f"batch {batch} round {number + 1} of {plan.rounds}  {side} {setting:14} {said}")


def _timed(plan: Plan, key: Key) -> Record:
    side = key["side"]
    if side == "lerobot" and not lerobot_is_there():
        return {"failed": "LeRobot's environment is not installed"}
    python = str(lerobot_program("python")) if side == "lerobot" else sys.executable
    program = "lerobot" if side == "lerobot" else "understudy"
    command = [python, str(ROOT / f"benchmarks/{program}_smolvla_training.py"), f"--setting={key['setting']}"]
    command += [f"--{name}={key[name]}" for name in ("batch", "cameras", "steps", "device")]
    command += [f"--side={plan.pixels}", f"--warm-up={plan.warm_up}"]
    sources = {"understudy": ROOT / "src", "before": plan.before and plan.before / "src"}.get(side)
    around = environment(plan.threads)
    if sources is not None:
        # huge pages are what `understudy train` asks torch for before it is imported
        around |= {"PYTHONPATH": str(sources), "THP_MEM_ALLOC_ENABLE": "1"}
    watched = watch(command, environment=around, limit_s=_LIMIT_S, cwd=WORK)
    found = [line.text for line in watched.lines if line.text.startswith('{"step_s"')]
    if watched.exit_code != 0 or not found:
        return {"failed": f"exit code {watched.exit_code}: {watched.last_words()}"}
    return {**json.loads(found[-1]), "without_files": watched.memory.without_files, "seconds": watched.seconds}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time SmolVLA's training steps in LeRobot and in Understudy.")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="timed ones of each process")
    parser.add_argument("--warm-up", type=int, default=2, help="steps before them: the first ones allocate")
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--pixels", type=int, default=256, help="along a side of a picture")
    parser.add_argument("--threads", type=int, default=default_threads(), help="of OpenMP, for all")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--before", type=Path, help="a folder whose src is an earlier state of Understudy, to be timed too"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing after so many")
    parser.add_argument("--page", action="store_true", help="write the tables into docs/evidence/smolvla.md")
    add_results_option(parser)
    return parser.parse_args()


def main() -> int:
    """Measure, save, print the tables; 1 if Understudy failed."""
    options = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    results = open_results(options.results)
    plan = Plan(
        batches=tuple(options.batches),
        rounds=options.rounds,
        steps=options.steps,
        warm_up=options.warm_up,
        cameras=options.cameras,
        pixels=options.pixels,
        threads=options.threads,
        device=options.device,
        before=options.before and options.before.resolve(),
        deadline=time.monotonic() + 60 * options.minutes,
    )
    measure(plan, results)
    print(smolvla_tables(results.document))
    if options.page:
        write_smolvla_page(results.document, results.path.name)
    records = [r for r in results.document["records"] if r["key"]["benchmark"] == BENCHMARK]
    return int(any("failed" in r and r["key"]["side"] == "understudy" for r in records))


if __name__ == "__main__":
    sys.exit(run_to_end(main))
