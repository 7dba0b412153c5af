"""What each measure of the demo brings: it is left out, all else stays, and the policy is tried again. One training
seed each, so small differences mean nothing; the interval beside each rate says how small.

    python benchmarks/demo_measures.py

Recordings, runs and evaluations stay in outputs/demo-measures/, and what is there already is not made again. The starts
are not those that the demo is tested on.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

# threads that spin while they wait cost more than they save; read when torch is imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.simulation.config import EvalConfig, PolicyOptions
from understudy.evaluate.simulation.run import evaluate_in_simulation
from understudy.policies.act.config import ActConfig
from understudy.record.run import record
from understudy.studies.demo import DemoConfig, recording_of, training_of
from understudy.train.config import TrainConfig
from understudy.train.run import train

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/evidence/demo.md"
BEGIN, END = "<!-- measures: begin -->", "<!-- measures: end -->"
# neither those that were recorded nor those of `understudy eval`
FIRST_SEED = 3_000_000

Change = Callable[[TrainConfig], TrainConfig]


def policy_changed(**options: Any) -> Change:
    """A change of options of ACT."""

    def change(config: TrainConfig) -> TrainConfig:
        policy = config.policy.model_dump(exclude={"pretrained_backbone_weights"}) | options
        return config.model_copy(update={"policy": ActConfig.model_validate(policy)})

    return change


def sees_only(camera: str) -> Change:
    """A change to one camera: the policy has no other input picture."""

    def change(config: TrainConfig) -> TrainConfig:
        features = {
            "observation.state": {"type": "STATE", "shape": (6,)},
            f"observation.images.{camera}": {"type": "VISUAL", "shape": (3, 96, 96)},
        }
        return policy_changed(input_features=features)(config)

    return change


def imagenet(config: TrainConfig) -> TrainConfig:
    """Pictures on the scale of ImageNet's."""
    return config.model_copy(update={"dataset": config.dataset.model_copy(update={"use_imagenet_stats": True})})


def updates(count: int) -> Change:
    """A change of the number of updates, schedule included."""

    def change(config: TrainConfig) -> TrainConfig:
        assert config.scheduler is not None
        schedule = config.scheduler.model_copy(
            update={"num_decay_steps": count, "num_warmup_steps": min(100, count // 2)}
        )
        return config.model_copy(update={"steps": count, "scheduler": schedule})

    return change


def resnet(config: TrainConfig) -> TrainConfig:
    """LeRobot's backbone, for about as long as the demo trains."""
    changed = policy_changed(vision_backbone="resnet18", pretrained_backbone_weights=None)
    return updates(config.steps // 10)(changed(config))


# what is left out -> (which recordings, the change)
MEASURES: dict[str, tuple[str, Change]] = {
    "nothing: the demo": ("disturbed", lambda config: config),
    "noise while recording": ("clean", lambda config: config),
    "the wrist camera": ("disturbed", sees_only("front")),
    "the front camera": ("disturbed", sees_only("wrist")),
    "the pictures' own mean and spread (ImageNet's instead)": ("disturbed", imagenet),
    "three quarters of the demonstrations": ("disturbed", lambda c: with_episodes(c, 20)),
    "half of the updates": ("disturbed", lambda config: updates(config.steps // 2)(config)),
    "keypoints (ResNet-18, random weights, a tenth of the updates)": ("disturbed", resnet),
}
# how the demo's own policy is executed -> options of the evaluation
EXECUTIONS: dict[str, dict[str, Any]] = {
    "20 actions of each prediction": {"n_action_steps": 20},
    "1 action": {"n_action_steps": 1},
    "temporal ensembling, 0.01": {"temporal_ensemble_coeff": 0.01},
}


def with_episodes(config: TrainConfig, count: int) -> TrainConfig:
    """Only the first demonstrations."""
    held_out = [e for e in config.dataset.eval_episodes or [] if e < count]
    dataset = config.dataset.model_copy(update={"episodes": list(range(count)), "eval_episodes": held_out})
    return config.model_copy(update={"dataset": dataset})


def recorded(folder: Path, kind: str) -> DemoConfig:
    """The demo's recordings, disturbed as they are or clean."""
    demo = DemoConfig(folder / kind)
    if not demo.demonstrations.exists():
        config = recording_of(demo)
        record(config if kind == "disturbed" else config.model_copy(update={"noise": 0.0}))
    return demo


def trained(folder: Path, number: int, kind: str, change: Change, steps: int | None) -> RunFolder:
    """The run of one measure."""
    demo = recorded(folder, kind)
    demo = demo if steps is None else replace(demo, steps=steps)
    run = RunFolder(folder / f"run-{number}")
    if not run.last.exists():
        train(change(training_of(demo)).model_copy(update={"output_dir": run.path}))
    return run


def judged(run: RunFolder, name: str, trials: int, **execution: Any) -> dict[str, Any]:
    """The summary of an evaluation, made unless it is there."""
    folder = run.eval / name
    if not (folder / "summary.json").exists():
        policy = PolicyOptions(path=str(run.last.resolve() / PRETRAINED), **execution)
        env, config = EnvConfig(type=DemoConfig(folder).task), EvalConfig(n_episodes=trials)
        evaluate_in_simulation(policy, env, config, seed=FIRST_SEED, folder=folder)
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


def seconds_of(run: RunFolder) -> float:
    """By the clock, from the first to the last event of a run."""
    times = [json.loads(line)["time"] for line in run.events.read_text().splitlines()]
    return max(times) - min(times)


def row(name: str, summary: dict[str, Any], *more: str) -> str:
    low, high = summary["interval"]
    rate = f"{summary['successes']}/{summary['n']} | {low:.1%} to {high:.1%}"
    return f"| {name} | {rate} | {summary['progress_mean']:.2f} | " + "".join(f"{cell} | " for cell in more)


def main() -> None:
    """Measure what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--steps", type=int, help="fewer updates, to try the script")
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs/demo-measures")
    given = parser.parse_args()
    lines = [
        "| left out | success | 95 % interval | mean progress | updates | training, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for number, (name, (kind, change)) in enumerate(MEASURES.items()):
        run = trained(given.folder, number, kind, change, given.steps)
        summary = judged(run, "measured", given.trials)
        steps = json.loads(run.config.read_text())["steps"]
        lines.append(row(name, summary, f"{steps:,}", f"{seconds_of(run):.0f}"))
        print(lines[-1], flush=True)
    lines += [
        "",
        "| the demo's policy executes | success | 95 % interval | mean progress |",
        "| --- | ---: | ---: | ---: |",
    ]
    run = RunFolder(given.folder / "run-0")
    lines.append(row("8 actions of each prediction: the demo", judged(run, "measured", given.trials)))
    for number, (name, execution) in enumerate(EXECUTIONS.items()):
        lines.append(row(name, judged(run, f"execution-{number}", given.trials, **execution)))
        print(lines[-1], flush=True)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
