"""Success while training: every so many updates the checkpoint just written is evaluated in a simulated task.

It runs in processes of its own and reads the checkpoint from the disk, so it takes no random number and no memory of
the training process. The episodes are always the same, and neither those that were recorded nor those that
`understudy eval` begins with: the best checkpoint is chosen by them, so its success on them flatters.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import log
from understudy.core.errors import DataError, DiskFull, Interrupted, UnderstudyError
from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.evaluate.records import read_evaluation, read_protocol
from understudy.evaluate.simulation.config import FIRST_SEED_WHILE_TRAINING, PolicyOptions, output_name

if TYPE_CHECKING:
    from understudy.envs.catalogue import EnvConfig
    from understudy.evaluate.simulation.config import EvalConfig
    from understudy.evaluate.simulation.run import Plan

    from .config import TrainConfig

FOLDER = "while-training"


@dataclass(frozen=True)
class Simulation:
    """Where a run's checkpoints are evaluated."""

    env: EnvConfig
    config: EvalConfig
    run: RunFolder

    def folder(self, step: int) -> Path:
        """Where the evaluation of a step's checkpoint is kept."""
        return self.run.eval / FOLDER / output_name(self.env.type, f"{step:06d}")

    def is_measured(self, step: int) -> bool:
        """Whether the checkpoint of this step has been evaluated already."""
        try:
            return read_evaluation(self.folder(step)).n > 0
        except DataError:
            return False

    def measure(self, checkpoint: Path, step: int, *, wanted: Callable[[], bool]) -> dict[str, Any] | None:
        """Keys of the `evaluation` event; None when `wanted` said no before the end.

        A failure of the evaluation (a simulator that cannot start, ...) is a warning: training is worth more.
        Raises DiskFull, Interrupted.
        """
        from understudy.evaluate.simulation.run import execute, plan

        began = time.monotonic()
        policy = PolicyOptions(path=str(checkpoint / PRETRAINED))
        try:
            planned = plan(policy, self.env, self.config, seed=FIRST_SEED_WHILE_TRAINING)
            folder = self.folder(step)
            _remove_another(folder, planned)
            result = execute(planned, folder, resume=True, quiet=True, wanted=wanted)
        except (DiskFull, Interrupted):
            raise
        except UnderstudyError as error:
            log.warn(f"success at step {step} could not be measured: {error}")
            return None
        if result is None:
            return None
        return {
            "env": self.env.type,
            "successes": result.successes,
            "n": result.n,
            "success_rate": result.successes / result.n,
            "interval": result.interval.to_json(),
            "confidence": result.confidence,
            "progress_mean": result.progress_mean,
            "protocol": result.protocol["hash"],
            "seconds": time.monotonic() - began,
            "path": str(folder),
        }


def simulation_of(config: TrainConfig, datasets: Sequence[Path], run: RunFolder) -> Simulation | None:
    """Where the checkpoints of `config` are evaluated; None when they are not.

    datasets   the folders of what is trained on

    Everything is checked now: raises ConfigError for an unknown task, features that do not match, and seeds that are
    in the recordings.
    """
    if config.env is None or not config.eval_freq:
        return None
    from understudy.evaluate.simulation.run import plan
    from understudy.evaluate.simulation.seeds import check_unseen
    from understudy.evaluate.simulation.subject import Subject

    subject = Subject({"name": "the policy"}, {"type": None}, config=config.policy, rename_map=config.rename_map)
    planned = plan(PolicyOptions(), config.env, config.eval, seed=FIRST_SEED_WHILE_TRAINING, subject=subject)
    if not config.eval.allow_training_seeds:
        check_unseen(datasets, config.env.type, planned.seeds)
    return Simulation(config.env, config.eval, run)


def _remove_another(folder: Path, planned: Plan) -> None:
    """A run that goes on from before `folder` was written has other weights at that step: the old result is void."""
    if not folder.exists():
        return
    try:
        who, protocol = read_protocol(folder)
        same = who.get("fingerprint") == planned.subject.who["fingerprint"] and protocol == planned.protocol
    except DataError:
        same = False
    if not same:
        shutil.rmtree(folder)
