"""How long ACT takes to predict a chunk, in Understudy and in LeRobot, in turn; and whether it drives a robot at 30 Hz.

    python benchmarks/inference.py --sizes 96x96 480x640 --rounds 2

A round runs every setting of both programs once, each in a process of its own. A prediction goes from the camera's
bytes to actions in the robot's units. In the first round the policy then drives for ten seconds at 30 Hz with a chunk
of 100 actions: one control step in a hundred predicts, and an action that comes after its tick has passed is late.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

from camera_dataset import size_of
from contestants import (
    BF16,
    DEFAULT,
    FP32,
    ROOT,
    WORK,
    Variant,
    default_threads,
    environment,
    lerobot_is_there,
    lerobot_program,
    run_to_end,
    say,
)
from inference_tables import inference_tables
from result_file import Key, Record, ResultFile, add_results_option, busy_before, open_results
from watched_process import watch

_LIMIT_S = 300.0
VARIANTS = (
    Variant("lerobot", FP32),
    Variant("understudy", FP32),
    Variant("lerobot", BF16),
    Variant("understudy", BF16),
    Variant("understudy", DEFAULT),
)


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    sizes: tuple[tuple[int, int], ...]
    rounds: int
    predictions: int
    control_steps: int
    threads: int


def measure(plan: Plan, results: ResultFile) -> None:
    """Run the rounds; what is in `results` already is not run again."""
    results.begin("inference")
    for number in range(plan.rounds):
        for height, width in plan.sizes:
            for variant in VARIANTS:
                key: Key = {"benchmark": "inference", "size": f"{height}x{width}", "side": variant.side}
                key |= {"setting": variant.setting, "round": number, "threads": plan.threads}
                key |= {"predictions": plan.predictions, "control_steps": 0 if number else plan.control_steps}
                if results.find(key):
                    continue
                busy = busy_before()
                record = results.add(key, {**_timed(variant, key, plan), "cpu_busy_before_percent": busy})
                said = record.get("failed") or f"{1000 * sorted(record['predict_s'])[plan.predictions // 2]:.1f} ms"
                say(f"{key['size']} round {number + 1} of {plan.rounds}  {variant.side} {variant.setting:8} {said}")


def _timed(variant: Variant, key: Key, plan: Plan) -> Record:
    if variant.side == "lerobot" and not lerobot_is_there():
        return {"failed": "LeRobot's environment is not installed"}
    python = str(lerobot_program("python")) if variant.side == "lerobot" else sys.executable
    command = [python, str(ROOT / f"benchmarks/{variant.side}_inference.py"), f"--size={key['size']}"]
    command += [f"--setting={variant.setting}", f"--predictions={plan.predictions}"]
    command += [f"--control-steps={key['control_steps']}"]
    watched = watch(command, environment=environment(plan.threads), limit_s=_LIMIT_S, cwd=WORK, memory=False)
    found = [line.text for line in watched.lines if line.text.startswith('{"predict_s"')]
    if watched.exit_code != 0 or not found:
        return {"failed": f"exit code {watched.exit_code}: {watched.last_words()}"}
    return dict(json.loads(found[-1]))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time ACT's predictions in Understudy and in LeRobot.")
    parser.add_argument("--sizes", nargs="+", type=size_of, default=[(96, 96), (480, 640)], metavar="HEIGHTxWIDTH")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--predictions", type=int, default=50, help="timed ones of each run, after a few uncounted")
    parser.add_argument("--control-steps", type=int, default=300, help="at 30 Hz, in the first round")
    parser.add_argument("--threads", type=int, default=default_threads(), help="of OpenMP, for both")
    add_results_option(parser)
    return parser.parse_args()


def main() -> int:
    """Measure, save, print the table; 1 if Understudy failed."""
    options = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    results = open_results(options.results)
    plan = Plan(tuple(options.sizes), options.rounds, options.predictions, options.control_steps, options.threads)
    measure(plan, results)
    print(inference_tables(results.document))
    records = [r for r in results.document["records"] if r["key"]["benchmark"] == "inference"]
    return int(any("failed" in r and r["key"]["side"] == "understudy" for r in records))


if __name__ == "__main__":
    sys.exit(run_to_end(main))
