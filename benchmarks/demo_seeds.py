"""The demo over several training seeds: k of n, the interval, and what it costs. Writes docs/evidence/demo.md.

    python benchmarks/demo_seeds.py --seeds 1000 1001 1002

Every seed is a whole `understudy demo` in a process of its own: it records anew (the same demonstrations, byte for
byte), trains and is tried on the same starts. The folders stay in outputs/demo-seeds/.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from result_file import machine
from tables import machine_line
from understudy.core.stats import clopper_pearson
from understudy.core.training_seeds import rate_over_training_seeds

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/evidence/demo.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def run_seed(seed: int, folder: Path, trials: int) -> dict[str, Any]:
    """The document of one demo, with its wall and CPU seconds, all processes."""
    words = [sys.executable, "-m", "understudy", "demo", f"--output_dir={folder}", f"--seed={seed}", "--json"]
    began, before = time.monotonic(), os.times()
    done = subprocess.run([*words, f"--trials={trials}"], stdout=subprocess.PIPE, text=True, check=False)
    after = os.times()
    if done.returncode not in (0, 1):
        raise SystemExit(f"seed {seed} ended with {done.returncode}")
    document: dict[str, Any] = json.loads(done.stdout)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return document | {"seed": seed, "wall_s": time.monotonic() - began, "cpu_s": cpu}


def table(documents: list[dict[str, Any]]) -> str:
    """The measured part of the page."""
    lines = [
        "| training seed | success | 95 % interval | cameras blanked | standing still | record, s | train, s | "
        "evaluate, s | report, s | whole, s | CPU s |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for d in documents:
        blank, hold = (d["beside"][name] for name in ("cameras blank", "hold"))
        spent = [f"{d['seconds'][chapter]:.0f}" for chapter in ("record", "train", "evaluate", "report")]
        lines.append(
            f"| {d['seed']} | {d['successes']}/{d['n']} | {d['interval'][0]:.1%} to {d['interval'][1]:.1%} | "
            f"{blank['successes']}/{blank['n']} | {hold['successes']}/{hold['n']} | {' | '.join(spent)} | "
            f"{d['wall_s']:.0f} | {d['cpu_s']:.0f} |"
        )
    return "\n".join([*lines, "", *words(documents)])


def words(documents: list[dict[str, Any]]) -> list[str]:
    """What the seeds say together."""
    successes, n = (sum(d[key] for d in documents) for key in ("successes", "n"))
    pooled = clopper_pearson(successes, n)
    rates = [d["success_rate"] for d in documents]
    protocol = documents[0]["protocol"]
    seeds = protocol["seeds"]
    said = [
        f"Together {successes} of {n} = {successes / n:.1%}. The exact interval of the pooled episodes, "
        f"{pooled.low:.1%} to {pooled.high:.1%}, is about these {len(documents)} policies and not about "
        "the next one to be trained.",
        "",
        f"Rates by seed: {min(rates):.0%} to {max(rates):.0%}, standard deviation {np.std(rates, ddof=1):.1%}."
        if len(rates) > 1
        else "",
        "",
        f"Protocol `{protocol['hash'][:12]}`: {protocol['task']} version {protocol['version']}, seeds "
        f"{seeds['first']} to {seeds['first'] + seeds['count'] - 1}, at most {protocol['horizon']} steps "
        f"at {protocol['fps']} Hz, "
        f"{protocol['n_action_steps']} action executed of each prediction, temporal ensembling "
        f"{protocol['temporal_ensemble_coeff']}, "
        + ", ".join(f"{name} {version}" for name, version in protocol["packages"].items())
        + ".",
        "",
        f"Machine: {machine_line({'machine': machine()})}.",
    ]
    if len(documents) > 1:
        said[1:1] = ["", over_seeds(documents)]
    return said


def over_seeds(documents: list[dict[str, Any]]) -> str:
    """The success for the next policy to be trained and the next episode alike."""
    low, high = rate_over_training_seeds(np.array([episode_successes(d) for d in documents])).to_json()
    return f"Counting both training seeds and episodes, the interval of the success rate is {low:.1%} to {high:.1%}."


def episode_successes(document: dict[str, Any]) -> list[bool]:
    """Success of each episode, by seed."""
    lines = (Path(document["path"]) / "episodes.jsonl").read_text().splitlines()
    return [bool(json.loads(line)["success"]) for line in lines]


def main() -> None:
    """Run the seeds, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001, 1002])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs/demo-seeds")
    given = parser.parse_args()
    documents = []
    for seed in given.seeds:
        kept = given.folder / f"{seed}.json"
        if not kept.exists():
            document = run_seed(seed, given.folder / str(seed), given.trials)
            kept.write_text(json.dumps(document, indent=2))
        documents.append(json.loads(kept.read_text()))
        print(
            seed, documents[-1]["successes"], "of", documents[-1]["n"], f"{documents[-1]['wall_s']:.0f} s", flush=True
        )
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(documents)}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
