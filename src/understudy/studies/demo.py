"""The whole story in a few minutes on two cores, offline: record, train, evaluate, report.

A scripted expert shows a simulated arm a task, disturbed again and again so that the recordings show how to come back.
A small ACT learns it from two cameras and the joints, and is then tried on starts that nobody has seen. What it is
compared with: standing still, and itself with its cameras blanked.

    FOLDER/demonstrations   a LeRobot dataset
    FOLDER/run              the run: checkpoints, eval/, plots/, report.md
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.simulation.config import EvalConfig, PolicyOptions
from understudy.policies.act.config import ActConfig
from understudy.record.config import DatasetTarget, RecordConfig
from understudy.train.config import TrainConfig
from understudy.train.dataset_config import DatasetConfig
from understudy.train.schedule_config import SchedulerConfig

if TYPE_CHECKING:
    from understudy.evaluate.result import HeldOutResult
    from understudy.evaluate.simulation.result import SimulationResult

TASK = "so101/pick-place"
EPISODES = 80
STEPS = 1500
TRIALS = 50
# the interval of a policy that learned nothing reaches below this share of successes
ENOUGH = 0.5
# blanked and standing still: fewer trials tell all there is to tell
BESIDE = 20
# every tenth demonstration is watched, not learnt from
HELD_OUT_EVERY, HELD_OUT_FRAMES = 10, 400


@dataclass(frozen=True)
class DemoConfig:
    """How much of everything.

    seed   of the training and of what is drawn for it; the demonstrations and the starts that are tested stay the same
    """

    folder: Path
    task: str = TASK
    episodes: int = EPISODES
    steps: int = STEPS
    trials: int = TRIALS
    seed: int = 1000

    @property
    def demonstrations(self) -> Path:
        return self.folder / "demonstrations"

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.folder / "run")


@dataclass(frozen=True)
class DemoResult:
    """What came of it; `seconds` by the clock, of each chapter."""

    policy: SimulationResult
    beside: dict[str, SimulationResult]
    held_out: HeldOutResult
    report: Path
    seconds: dict[str, float]

    @property
    def learned(self) -> bool:
        """Whether the policy succeeds more often than not, however unlucky the trials were."""
        return self.policy.interval.low > ENOUGH

    def to_json(self) -> dict[str, Any]:
        """The evaluation's document, with what ran beside it, the held-out errors and the report beside it."""
        from understudy.evaluate.simulation.beside import beside_json

        return self.policy.to_json() | {
            "beside": beside_json(self.beside),
            "held_out": self.held_out.to_json(),
            "report": str(self.report),
            "seconds": self.seconds,
            "learned": self.learned,
        }


def run_demo(config: DemoConfig, tell: Callable[[str], None]) -> DemoResult:
    """The story; `tell` gets a line before each chapter. Raises what recording, training and evaluating raise."""
    from understudy.evaluate.simulation.beside import evaluate_beside
    from understudy.record.run import record
    from understudy.train.report import write_report
    from understudy.train.run import train

    seconds: dict[str, float] = {}
    tell(f"1. A scripted expert shows {config.task} {config.episodes} times.")
    with timed(seconds, "record"):
        record(recording_of(config))
    tell("\n2. ACT learns it from two cameras and the joints.")
    with timed(seconds, "train"):
        train(training_of(config))
    tell(f"\n3. The policy is tried on {config.trials} starts that nobody has seen.")
    policy = PolicyOptions(path=str(config.run.last.resolve() / PRETRAINED))
    with timed(seconds, "evaluate"):
        result = judge(config, policy)
        beside = evaluate_beside(result, policy, EnvConfig(type=config.task), trials_of(config), episodes=BESIDE)
        held_out = measure_held_out(config)
    tell("\n4. The report.")
    with timed(seconds, "report"):
        page = write_report(config.run)
    return DemoResult(result, beside, held_out, page, seconds)


@contextlib.contextmanager
def timed(seconds: dict[str, float], chapter: str) -> Iterator[None]:
    """Note how long the inside took, by the clock."""
    began = time.monotonic()
    yield
    seconds[chapter] = time.monotonic() - began


def recording_of(config: DemoConfig) -> RecordConfig:
    """What is recorded: the clean action of the expert, while its arm is disturbed."""
    return RecordConfig(
        env=EnvConfig(type=config.task),
        dataset=DatasetTarget(root=config.demonstrations, num_episodes=config.episodes),
        noise=0.003,
        noise_correlation_s=0.15,
    )


def training_of(config: DemoConfig) -> TrainConfig:
    """What is trained; the run's train_config.json says the same in full."""
    policy = ActConfig(
        device="cpu",
        vision_backbone="keypoints",
        chunk_size=20,
        n_action_steps=8,
        dim_model=128,
        n_heads=4,
        dim_feedforward=512,
        n_encoder_layers=2,
        pre_norm=True,
        # the expert answers a state in one way only: there is nothing for a latent to tell apart
        use_vae=False,
        dropout=0.0,
        optimizer_lr=1e-3,
        optimizer_lr_backbone=1e-3,
    )
    steps = config.steps
    return TrainConfig(
        dataset=DatasetConfig(
            repo_id="demo",
            root=config.demonstrations,
            frames="ram",
            # no backbone comes from ImageNet here: the pictures' own mean and spread serve better
            use_imagenet_stats=False,
            eval_episodes=list(range(0, config.episodes, HELD_OUT_EVERY)),
        ),
        policy=policy,
        output_dir=config.run.path,
        job_name="demo",
        seed=config.seed,
        steps=steps,
        batch_size=32,
        precision="fp32",
        report=False,  # written when there is more to tell
        log_freq=max(1, steps // 50),
        eval_steps=max(1, steps // 5),
        max_eval_samples=128,
        scheduler=SchedulerConfig(
            type="cosine_decay_with_warmup",
            num_warmup_steps=min(100, steps // 2),
            num_decay_steps=max(1, steps),
            peak_lr=1e-3,
            decay_lr=2e-5,
        ),
    )


def trials_of(config: DemoConfig) -> EvalConfig:
    """How the policy is tried."""
    return EvalConfig(n_episodes=config.trials, videos=4)


def judge(config: DemoConfig, policy: PolicyOptions) -> SimulationResult:
    """Success of `policy` on starts of the demo's task that it has not seen, in the run's eval/."""
    from understudy.evaluate.simulation.config import FIRST_SEED
    from understudy.evaluate.simulation.run import evaluate_in_simulation

    return evaluate_in_simulation(
        policy, EnvConfig(type=config.task), trials_of(config), seed=FIRST_SEED, folder=config.run.eval / "success"
    )


def measure_held_out(config: DemoConfig) -> HeldOutResult:
    """Action error on the demonstrations that training held out, in the run's eval/."""
    from understudy.data.lerobot import load_dataset
    from understudy.data.split import Split
    from understudy.evaluate.heldout import evaluate
    from understudy.policies.pretrained import load_policy

    split = Split.from_json(json.loads(config.run.split.read_text()))
    shown, held_out = (
        load_dataset("demo", root=config.demonstrations, episodes=part) for part in (split.train, split.validation)
    )
    policy = load_policy(config.run.last.resolve() / PRETRAINED, "cpu")
    result = evaluate(policy, held_out, max_frames=HELD_OUT_FRAMES, training=shown)
    result.save(config.run.eval / "heldout")
    return result
