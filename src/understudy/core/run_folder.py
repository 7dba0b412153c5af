"""Where things are in a run folder. Every path of it is made here and nowhere else.

RUN/train_config.json  split.json  lineage.json  events.jsonl  logs/  plots/  eval/
RUN/checkpoints/NNNNNN/{pretrained_model,training_state}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# what tells the folder of an ensemble, which holds a run folder for each training seed
ENSEMBLE = "ensemble.json"
PRETRAINED = "pretrained_model"
TRAINING_STATE = "training_state"
_STEP = re.compile(r"\d{6,}")


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "train_config.json"

    @property
    def split(self) -> Path:
        return self.path / "split.json"

    @property
    def lineage(self) -> Path:
        return self.path / "lineage.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        return self.checkpoints / "last"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def plots(self) -> Path:
        return self.path / "plots"

    @property
    def eval(self) -> Path:
        return self.path / "eval"

    def checkpoint(self, step: int, total_steps: int) -> Path:
        """LeRobot's name for the checkpoint of `step`: as many digits as the total has, at least six."""
        return self.checkpoints / f"{step:0{max(6, len(str(total_steps)))}d}"

    def saved_checkpoints(self) -> list[Path]:
        """Every finished checkpoint folder, oldest first."""
        if not self.checkpoints.is_dir():
            return []
        found = [p for p in self.checkpoints.iterdir() if _STEP.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]
        return sorted(found, key=lambda p: int(p.name))


def step_of_checkpoint(path: Path) -> str:
    """The step of a checkpoint as its folder in a run writes it, "005000"; "policy" outside a run.

    path   a checkpoint folder or its `pretrained_model`, links (`last`, `best`) allowed
    """
    real = path.resolve()
    return next((parent.name for parent in (real, *real.parents) if parent.name.isdigit()), "policy")


def run_of_checkpoint(path: Path) -> RunFolder | None:
    """The run that a checkpoint folder, its `pretrained_model`, or a file in it belongs to; None outside a run."""
    for parent in (path, *path.parents):
        if parent.name == "checkpoints":
            return RunFolder(parent.parent)
    return None
