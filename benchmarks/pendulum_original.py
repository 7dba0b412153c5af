"""The published study's own recipe, trained for as long as one has: what it reaches, beside what was published.

    understudy data import ../shared/data/inverted_pendulum_pid/pid_4000x100.npz pendulum
    python benchmarks/pendulum_original.py train pendulum originals --minutes 60
    python benchmarks/pendulum_original.py measure originals

`train` starts one model of each family with the original preset and the original's flaws (noise drawn once for each
window, windows split at random, 25 windows an episode, dropout on logits), each on one core, and stops them when each
has had so many minutes of processor time; started again, it goes on. `measure` executes the last checkpoint of each
blind in the nine settings: 100 episodes from the evaluation's seed 0 on, as the study's first model does, and writes
the table of the page.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from understudy.core.events import read_events
from understudy.core.files import write_atomically
from understudy.core.stats import clopper_pearson
from understudy.studies.pendulum_recipes import EPOCH, ORIGINAL_STARTS, TEST_SHARE, VALIDATION_SHARE
from understudy.studies.pendulum_trials import GRID, policy_subject, run_trials

FAMILIES = ("tiny_pi0", "tiny_pi0_fast")
RESULTS = Path(__file__).with_name("results") / "pendulum-original.json"
PAGE = Path(__file__).parents[1] / "docs" / "evidence" / "pendulum.md"
BEGIN, END = "<!-- originals: begin -->", "<!-- originals: end -->"
EPISODES = 100
# A / B in percent of the study's ten models each, 100 episodes a model, re-measured by this protocol on other starts
PUBLISHED = {
    "tiny_pi0": {
        "0.01/10": (99.7, 98.9), "0.03/10": (99.9, 98.6), "0.05/10": (99.6, 93.3),
        "0.01/13": (98.0, 88.4), "0.03/13": (97.4, 79.7), "0.05/13": (96.8, 66.8),
        "0.01/15": (87.7, 65.4), "0.03/15": (86.3, 52.5), "0.05/15": (84.4, 38.7),
    },
    "tiny_pi0_fast": {
        "0.01/10": (100.0, 89.4), "0.03/10": (100.0, 87.3), "0.05/10": (100.0, 79.1),
        "0.01/13": (98.7, 56.7), "0.03/13": (98.8, 55.9), "0.05/13": (98.6, 50.5),
        "0.01/15": (90.6, 39.1), "0.03/15": (90.4, 34.9), "0.05/15": (88.7, 26.6),
    },
}  # fmt: skip


def command(family: str, data: Path, folder: Path) -> list[str]:
    """What trains one model, or goes on with it."""
    program = [sys.executable, "-m", "understudy", "train"]
    if (folder / family / "train_config.json").exists():
        return [*program, "--resume", str(folder / family)]
    return [
        *program,
        f"--policy.type={family}",
        "--policy.preset=original",
        "--policy.device=cpu",
        f"--dataset.repo_id={data}",
        "--dataset.split=window",
        f"--dataset.eval_split={VALIDATION_SHARE}",
        f"--dataset.test_split={TEST_SHARE}",
        f"--dataset.window_starts={list(ORIGINAL_STARTS)}",
        f"--output_dir={folder / family}",
        f"--steps={200 * EPOCH}",
        "--batch_size=128",
        "--precision=fp32",
        f"--eval_steps={EPOCH}",
        "--max_eval_samples=0",
        "--best=loss",
        "--early_stopping=20",
        "--naming=study",
        f"--log_freq={EPOCH // 5}",
        "--save_freq=0",
        "--tensorboard=false",
        "--report=false",
        "--seed=1000",
    ]


def train(data: Path, folder: Path, minutes: float) -> None:
    """Both families side by side, each until it has had its minutes."""
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    running = {family: psutil.Popen(command(family, data, folder), env=alone) for family in FAMILIES}
    while any(process.poll() is None for process in running.values()):
        time.sleep(5)
        for process in running.values():
            if process.poll() is None and _processor_s(process) > 60 * minutes:
                process.send_signal(signal.SIGTERM)
                process.wait()


def _processor_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return 0.0


def measure(family: str, run: Path) -> dict[str, Any]:
    """What the last checkpoint does, and how long it was trained."""
    from understudy.policies.pretrained import load_policy

    events = read_events(run / "events.jsonl")
    validations = [event for event in events if event["event"] == "validation"]
    checkpoint = (run / "checkpoints/last").resolve()
    steps = int(checkpoint.name)
    trials = run_trials(policy_subject(load_policy(checkpoint, "cpu")), range(EPISODES), GRID)
    logged = [event for event in events if event["event"] == "step"]
    before = [0, *(event["step"] for event in logged)]
    spent = sum(event["update_s"] * (event["step"] - b) for event, b in zip(logged, before, strict=False))
    cells = {
        cell.label: {"A": int(trials.success[i].sum()), "B": int(trials.converged[i].sum()), "n": EPISODES}
        for i, cell in enumerate(GRID)
    }
    held_out = {int(event["step"]): event["loss"] for event in validations}
    return {
        "steps": steps,
        "epochs": steps / EPOCH,
        "update_hours_by_the_clock": spent / 3600,
        "held_out": held_out,
        "cells": cells,
    }


def table(results: dict[str, Any]) -> list[str]:
    """A line for each setting: ours with its interval beside what was published."""
    lines = [
        "| noise/replan | " + " | ".join(f"{family}, ours: A / B | published: A / B" for family in FAMILIES) + " |"
    ]
    lines.append("| --- |" + " --: |" * 2 * len(FAMILIES))
    for cell in GRID:
        cells = [cell.label]
        for family in FAMILIES:
            found = results[family]["cells"][cell.label]
            sure = clopper_pearson(found["B"], found["n"], 0.95)
            cells.append(f"{found['A']} / {found['B']} [{100 * sure.low:.0f}, {100 * sure.high:.0f}]")
            cells.append("{:.1f} / {:.1f}".format(*PUBLISHED[family][cell.label]))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def write_page(results: dict[str, Any]) -> None:
    """Put the table between the marks of the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    text = "\n".join(table(results))
    write_atomically(PAGE, f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def main() -> None:
    """Train, or measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("train")
    verb.add_argument("data", type=Path, help="the imported recording")
    verb.add_argument("folder", type=Path)
    verb.add_argument("--minutes", type=float, default=60)
    verb = verbs.add_parser("measure")
    verb.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.verb == "train":
        train(given.data, given.folder, given.minutes)
        return
    results = {family: measure(family, given.folder / family) for family in FAMILIES}
    write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")
    for family, found in results.items():
        print(family, json.dumps({name: value for name, value in found.items() if name != "cells"}))
    print("\n".join(table(results)))
    write_page(results)


if __name__ == "__main__":
    main()
