"""EnsembleConfig: what an ensemble is made of. Light: importing this imports no numpy and no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from understudy.core.errors import ConfigError
from understudy.train.config import TrainConfig
from understudy.train.hub import wants_push


@dataclass(frozen=True)
class EnsembleConfig:
    """What is trained, with which seeds, where, and how many at a time.

    train        shared by all; held-out episodes are drawn from its `seed`; its `output_dir` is not used
    seeds        of the runs; those of earlier calls in the same folder are gone on with as well
    splits       "same": all hold out the same episodes, so that the spread is that of training alone; "own": each draws
                 its own, as `understudy train` does. `train.dataset` comes first where it says what is held out
    jobs         at a time; None: one, or with Ray as many as the cluster has room for
    threads      of each run; None: those of torch, divided by `jobs`, or those of the earlier calls
    ray          "off", "local", or the address of a cluster
    together     "on": all seeds as one computation in this process; "off": a process for each; "auto": tried out when
                 the ensemble is begun, and what is clearly sooner is taken
    confidence   of the intervals
    """

    train: TrainConfig
    seeds: tuple[int, ...]
    folder: Path
    splits: Literal["same", "own"] = "same"
    jobs: int | None = None
    threads: int | None = None
    ray: str = "off"
    together: Literal["auto", "on", "off"] = "auto"
    confidence: float = 0.95

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        for name in ("jobs", "threads"):
            if (given := getattr(self, name)) is not None and given < 1:
                raise ConfigError(f"{name} is {given}; at least 1 is needed", where=f"--{name}")
        if wants_push(self.train):
            raise ConfigError(
                f"every seed would be pushed to the same repository, {self.train.policy.repo_id}",
                where="--policy.repo_id",
                hint="leave it out, and push the one you choose",
            )

    def shared(self) -> TrainConfig:
        """What all seeds train: everything but the seed and the place."""
        data = self.train.dataset.found_from_anywhere()
        if self.splits == "same" and data.draws and data.split_seed is None:
            data = data.model_copy(update={"split_seed": self.train.seed})
        # trying for themselves, seeds might differ in whether they are compiled, and so in their rounding
        compiled = "off" if self.train.compile == "auto" else self.train.compile
        return self.train.model_copy(update={"dataset": data, "output_dir": None, "resume": False, "compile": compiled})


def check_seeds(seeds: Sequence[int]) -> None:
    """Raises ConfigError for no seed at all, one given twice, and one below 0."""
    if not seeds:
        raise ConfigError("an ensemble of no seeds has nothing to train", where="--seeds", hint="--seeds=10 trains ten")
    if twice := sorted({seed for seed in seeds if list(seeds).count(seed) > 1}):
        raise ConfigError(
            f"seed {twice[0]} is given twice", where="--seeds", hint="it would give the same policy twice: not a sample"
        )
    if min(seeds) < 0:
        raise ConfigError(f"seed {min(seeds)} is below 0", where="--seeds")
