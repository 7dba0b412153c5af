"""Does fine-tuning beat training from scratch, and what does a second dataset bring a policy that is there already?

    python benchmarks/finetuning.py
    python benchmarks/finetuning.py --seeds 1000 1001 1002 1003 1004 --steps 1000
    python benchmarks/finetuning.py --parts fine-tuning

Everything is done by the commands that a user would type, one after the other on one core; docs/evidence/finetuning.md
shows them. What is finished stays in outputs/finetuning/ and is not made again; what was interrupted goes on. Results
are in benchmarks/results/finetuning.json after each evaluation, and each run writes the tables of the page anew.

    outputs/finetuning/data/{stack,few,more}   demonstrations
    outputs/finetuning/pretrained              the run on stack
    outputs/finetuning/ARM-SEED                a run of one arm (see `arms`) with one training seed
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import finetuning_page as page
from contestants import ROOT
from result_file import machine
from understudy.core.files import write_atomically
from understudy.core.run_folder import RunFolder
from understudy.evaluate.records import EPISODES, PROTOCOL, SUMMARY

RESULTS = ROOT / "benchmarks/results/finetuning.json"
FOLDER = Path("outputs/finetuning")
PRETRAINING, TARGET = "so101/stack", "so101/pick-place"
PARTS = ("fine-tuning", "second dataset")
# the first starts that are recorded: those of the two datasets of the target task must not meet
DEMONSTRATIONS = {"stack": (PRETRAINING, 100, 0), "few": (TARGET, 10, 0), "more": (TARGET, 30, 1000)}
# one small camera on the hand, which sees the cubes and the mark; disturbed, so that recordings show how to come back
_SEEN = ("--env.cameras=[wrist]", "--env.width=64", "--env.height=64")
_DISTURBED = ("--noise=0.003", "--noise_correlation_s=0.15")
_NETWORK = ("--policy.type=smolvla", "--policy.preset=tiny", "--policy.from_scratch=true")
_CHUNK = ("--policy.chunk_size=20", "--policy.n_action_steps=10")
_EXPERT_ONLY = ("--policy.train_expert_only=true", "--policy.freeze_vision_encoder=true", "--prefix_cache=memory")
# the same for all runs; the rate goes up for 100 updates and down to nothing over the rest, by the preset
_TRAINING = ("--policy.device=cpu", "--precision=fp32", "--dataset.frames=ram", "--report=false")


@dataclass(frozen=True)
class Arm:
    """One way to a policy for the target task.

    key     names its folders
    words   what it is called in tables
    start   the arm it goes on from, "pretrained", or None: random weights
    data    names of demonstrations
    times   updates, in multiples of --steps
    """

    key: str
    words: str
    start: str | None
    data: tuple[str, ...]
    times: int = 1
    options: tuple[str, ...] = ()


ARMS = {
    PARTS[0]: (
        Arm("scratch", "from scratch", None, ("few",)),
        Arm("tuned", "fine-tuned, every weight", "pretrained", ("few",)),
        Arm("expert", "fine-tuned, the expert alone", "pretrained", ("few",), options=_EXPERT_ONLY),
    ),
    PARTS[1]: (
        Arm("continued", "continued on both", "scratch", ("few", "more")),
        Arm("both", "both, from scratch", None, ("few", "more")),
        Arm("both-twice", "both, from scratch, twice the updates", None, ("few", "more"), times=2),
    ),
}
# what is asked: a against b. The first of each part is the question; the others stand beside it
QUESTIONS = {
    PARTS[0]: (("tuned", "scratch"), ("expert", "scratch"), ("expert", "tuned")),
    PARTS[1]: (("continued", "scratch"), ("continued", "both"), ("continued", "both-twice")),
}


@dataclass(frozen=True)
class Amounts:
    """How much of everything."""

    seeds: tuple[int, ...]
    steps: int
    pretraining: int
    trials: int


def recording(name: str) -> list[str]:
    """The command that records these demonstrations."""
    task, episodes, seed = DEMONSTRATIONS[name]
    where = f"--dataset.root={FOLDER}/data/{name}"
    amount = (f"--dataset.num_episodes={episodes}", f"--seed={seed}", "--workers=1")
    return ["record", f"--env.type={task}", where, *amount, *_SEEN, *_DISTURBED]


def datasets(names: Sequence[str]) -> str:
    """The option that names one dataset, or several."""
    paths = [f"{FOLDER}/data/{name}" for name in names]
    return f"--dataset.repo_id={paths[0]}" if len(paths) == 1 else f"--dataset.repo_id=[{', '.join(paths)}]"


def pretraining(amounts: Amounts) -> list[str]:
    """The command that trains on the other task; a tenth of its demonstrations is watched."""
    steps = ("--batch_size=32", f"--steps={amounts.pretraining}", "--eval_steps=500")
    return ["train", *_NETWORK, *_CHUNK, datasets(["stack"]), *_TRAINING, *steps, f"--output_dir={FOLDER}/pretrained"]


def training(arm: Arm, seed: int, amounts: Amounts) -> list[str]:
    """The command that trains one arm with one seed, on every demonstration it is given."""
    if arm.start is None:
        start = [*_NETWORK, *_CHUNK]
    else:
        start = [f"--policy.path={FOLDER}/{arm.start if arm.start == 'pretrained' else f'{arm.start}-{seed}'}"]
    steps = ("--batch_size=16", f"--steps={arm.times * amounts.steps}", "--dataset.eval_split=0", f"--seed={seed}")
    where = f"--output_dir={FOLDER}/{arm.key}-{seed}"
    return ["train", *start, *arm.options, datasets(arm.data), *_TRAINING, *steps, where]


def evaluation(policy: Sequence[str], task: str, amounts: Amounts, where: Path) -> list[str]:
    """The command that counts successes; the starts are the same for all policies."""
    much = (f"--eval.n_episodes={amounts.trials}", "--eval.workers=1", "--beside=0")
    return ["eval", *policy, f"--env.type={task}", *_SEEN, *much, f"--output_dir={where}"]


def run(words: Sequence[str]) -> float:
    """Run a command of understudy; the seconds of the processor it took. Ends the program if the command fails."""
    print("\nunderstudy", shlex.join(words), flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "understudy", *words], cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Results:
    """What was found so far, on the disk after each step."""

    def __init__(self, path: Path, amounts: Amounts) -> None:
        self.path = path
        asked = {"steps": amounts.steps, "pretraining": amounts.pretraining, "trials": amounts.trials}
        self.document: dict[str, Any] = {"amounts": asked, "machine": machine(), "cpu_s": {}, "policies": {}}
        if path.exists():
            self.document = json.loads(path.read_text())
            if self.document["amounts"] != asked:
                was = self.document["amounts"]
                raise SystemExit(f"{path} is of other amounts ({was}): give another --results and empty {FOLDER}")

    def spent(self, name: str, seconds: float) -> None:
        """Add seconds of the processor to what `name` took."""
        self.document["cpu_s"][name] = self.document["cpu_s"].get(name, 0.0) + seconds
        self.save()

    def save(self) -> None:
        """Write the file."""
        self.document["at"] = time.strftime("%Y-%m-%d")
        write_atomically(self.path, json.dumps(self.document, indent=1) + "\n")


def record(name: str, results: Results) -> None:
    """Record demonstrations that are not there."""
    if not (ROOT / FOLDER / "data" / name).exists():
        begun = (ROOT / FOLDER / "data" / f".{name}.recording").exists()
        words = recording(name)
        results.spent(f"record {name}", run([*words, "--resume=true"] if begun else words))


def train(name: str, words: list[str], steps: int, results: Results) -> None:
    """Train a run that is not there, or not finished."""
    folder = RunFolder(ROOT / FOLDER / name)
    if folder.last.exists() and int(folder.last.resolve().name) >= steps:
        return
    begun = folder.config.exists()
    results.spent(f"train {name}", run(["train", "--resume", str(FOLDER / name)] if begun else words))


def judge(name: str, policy: Sequence[str], task: str, amounts: Amounts, results: Results) -> None:
    """Evaluate a policy unless that is done, and keep the outcome of every start."""
    where = FOLDER / (name if policy[0].startswith("--policy.type") else name + "/eval") / task.rpartition("/")[2]
    words = evaluation(policy, task, amounts, where)
    if not (ROOT / where / SUMMARY).exists():
        begun = (ROOT / where / PROTOCOL).exists()
        results.spent(f"eval {name} {task}", run([*words, "--resume=true"] if begun else words))
    summary = json.loads((ROOT / where / SUMMARY).read_text())
    episodes = [json.loads(line) for line in (ROOT / where / EPISODES).read_text().splitlines()]
    results.document["policies"].setdefault(name, {})[task] = {
        "successes": summary["successes"],
        "n": summary["n"],
        "interval": summary["interval"],
        "progress": summary["progress_mean"],
        "outcomes": [int(episode["success"]) for episode in episodes],
        "protocol": summary["protocol"],
    }
    results.save()


def compare(a: Sequence[str], b: Sequence[str]) -> dict[str, Any]:
    """What `understudy compare` says of policies by their names: one against one, or several of each, a seed each."""
    sides = [",".join(f"{FOLDER / name}/eval/{TARGET.rpartition('/')[2]}" for name in names) for names in (a, b)]
    words = ["compare", f"--a={sides[0]}", f"--b={sides[1]}", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "understudy", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return {"command": shlex.join(["understudy", *words]), **json.loads(done.stdout)}


def do_part(part: str, amounts: Amounts, results: Results) -> None:
    """Train and evaluate a part arm by arm, and compare what can be compared already."""
    done = {arm.key for arm in ARMS[PARTS[0]]} if part == PARTS[1] else set()
    results.document.setdefault("seeds", {})[part] = list(amounts.seeds)
    found = results.document.setdefault("comparisons", {}).setdefault(part, {})
    for arm in ARMS[part]:
        for seed in amounts.seeds:
            name = f"{arm.key}-{seed}"
            train(name, training(arm, seed, amounts), arm.times * amounts.steps, results)
            judge(name, [f"--policy.path={FOLDER / name}"], TARGET, amounts, results)
        done.add(arm.key)
        answered = [(a, b) for a, b in QUESTIONS[part] if {a, b} <= done and arm.key in (a, b)]
        for a, b in answered:
            found[f"{a} - {b}"] = compare(*([f"{arm}-{seed}" for seed in amounts.seeds] for arm in (a, b)))
        results.save()


def main() -> None:
    """Make what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1000, 1001, 1002])
    parser.add_argument("--steps", type=int, default=800, help="updates of a run on few demonstrations")
    parser.add_argument("--pretraining", type=int, default=3000, help="updates on the other task")
    parser.add_argument("--trials", type=int, default=40, help="starts that each policy is tried on")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    if len(given.seeds) < 2:
        parser.error("the comparison over training seeds needs two of them")
    # on a machine that other programs use too, more threads wait for each other longer than they work
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    amounts = Amounts(tuple(given.seeds), given.steps, given.pretraining, given.trials)
    results = Results(given.results, amounts)
    for name in DEMONSTRATIONS:
        record(name, results)
    train("pretrained", pretraining(amounts), amounts.pretraining, results)
    for task in (PRETRAINING, TARGET):
        judge("pretrained", [f"--policy.path={FOLDER}/pretrained"], task, amounts, results)
    judge("hold", ["--policy.type=hold"], TARGET, amounts, results)
    for part in given.parts:
        do_part(part, amounts, results)
    # one policy against one, since there is no second one of the pretrained
    tuned = [f"{arm.key}-{seed}" for arm in ARMS[PARTS[0]] if arm.start for seed in amounts.seeds]
    there = [name for name in tuned if name in results.document["policies"]]
    results.document["before"] = {f"{name} - pretrained": compare([name], ["pretrained"]) for name in there}
    results.save()
    page.write(results.document, ARMS, TARGET)


if __name__ == "__main__":
    main()
