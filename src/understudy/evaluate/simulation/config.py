"""What an evaluation in simulation is asked for. Light: importing this imports no torch and no simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from understudy.core.cores import usable_cores
from understudy.core.errors import ConfigError
from understudy.policies.config import own

Reference = Literal["expert", "hold", "mean", "random"]

# Recording counts its seeds from 0. These are disjoint from them, and from each other: a checkpoint that was chosen by
# its success while training must not be quoted by the same episodes.
FIRST_SEED = 1_000_000
FIRST_SEED_WHILE_TRAINING = 500_000


class PolicyOptions(BaseModel):
    """Which policy."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    path: str | None = Field(
        None,
        min_length=1,
        description="checkpoint: a pretrained_model folder, a run folder, or a repository on the Hub",
    )
    type: Reference | None = Field(
        None,
        description="in simulation, instead of a path: a reference that needs no training (mean: of a path's data)",
    )
    device: str | None = Field(
        None, description="cuda, cuda:1, mps or cpu; null: cpu in simulation, else the best one there is"
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="number format of predictions; bf16 is up to twice as fast where the processor has it"
    )
    n_action_steps: int | None = Field(
        None, ge=1, description="in simulation: execute so many actions of each chunk, not as many as the policy says"
    )
    temporal_ensemble_coeff: float | None = Field(
        None, description="in simulation: average overlapping chunks (0.01 is usual; implies n_action_steps=1)"
    )


class EvalConfig(BaseModel):
    """How many episodes, and how they are run. Names that LeRobot has mean what they mean there; the others are own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_episodes: int = Field(50, ge=1, description="episodes, each from a seed of its own: seed, seed + 1, ...")
    batch_size: int | None = Field(
        None, ge=1, description="LeRobot's name for how many run at once; here an upper limit on workers"
    )
    workers: int | None = own(
        None,
        ge=1,
        description="processes; null: one per core (one in all on a GPU). The records do not depend on it",
    )
    timeout_s: float = own(600.0, gt=0, description="an episode that takes longer is ended, and counts as failed")
    videos: int = own(0, ge=0, description="videos of the first so many episodes, and of as many that failed")
    blank: str | None = own(
        None,
        description="probe: one plain colour instead of pictures (cameras, or a camera's name); or blank state",
    )
    shuffle: Literal["cameras"] | None = own(
        None, description="probe: the cameras see another episode, in which the same actions are executed"
    )
    allow_training_seeds: bool = own(
        False, description="evaluate on episodes that were recorded for training; such a number is no test"
    )

    def processes(self, *, on_gpu: bool) -> int:
        """How many worker processes. Raises ConfigError when workers and batch_size contradict each other."""
        if self.workers is not None and self.batch_size is not None and self.workers > self.batch_size:
            raise ConfigError(
                f"--eval.workers={self.workers} is more than --eval.batch_size={self.batch_size} allows at once",
                hint="give one of them",
            )
        if self.workers is not None:
            return self.workers
        cores = 1 if on_gpu else usable_cores()
        return min(cores, self.batch_size or self.n_episodes, self.n_episodes)


def output_name(task: str, step: str) -> str:
    """What an evaluation's folder is called in its run: "so101-lift-005000"."""
    return f"{task.replace('/', '-')}-{step}"


def free_folder(parent: Path, name: str, *, resume: bool) -> Path:
    """`parent/name`, with a number behind it when that is taken: no result is overwritten; to resume, the newest."""
    number, last = 1, None
    while (folder := parent / (name + (f"-{number}" if number > 1 else ""))).exists():
        number, last = number + 1, folder
    return last if resume and last is not None else folder
