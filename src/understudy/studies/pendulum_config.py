"""PendulumStudy: how much of everything, and where it lies. Light: importing this imports neither numpy nor torch.

    FOLDER/study.json            what is studied; a folder of another study is refused
        data/                    the recording, a LeRobot dataset; split.json beside it: which episodes serve for what
        tiny_pi0/ tiny_pi0_fast/ an ensemble each (understudy ensemble --resume=... knows it too)
        regression/              the weights of the small networks that are references
        trials/                  every episode of every evaluation, an .npz for each subject
        leak/                    the same network trained with two ways to split
        stages/                  what has been done, and from what
        summary.json report.md report.html tables.md plots/

Every path of it is made here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FAMILIES = ("tiny_pi0", "tiny_pi0_fast")
FIRST_SEED, SEEDS = 1000, 10
EPISODES, DEMONSTRATIONS = 100, 4000

Preset = Literal["modern", "original"]


@dataclass(frozen=True)
class PendulumStudy:
    """The study.

    seeds            of the training, one model of each family from each
    steps            updates of each model; None: as the recipe has it
    jobs             processes at a time, each computing with one thread
    episodes         of each model in each cell; model m runs the evaluation's seeds m * episodes and those that follow
    demonstrations   episodes that the expert records
    regression       updates of the small network that is the reference; None: as it was tuned
    leak             whether to show what a leaking split does
    original_steps   updates that the original presets are tried for, beside the modern ones; 0: not at all
    decisions        of each family that are timed
    long             also episodes of 1000 steps
    """

    folder: Path
    families: tuple[str, ...] = FAMILIES
    preset: Preset = "modern"
    seeds: tuple[int, ...] = tuple(range(FIRST_SEED, FIRST_SEED + SEEDS))
    steps: int | None = None
    jobs: int = 1
    episodes: int = EPISODES
    demonstrations: int = DEMONSTRATIONS
    regression: int | None = None
    leak: bool = True
    original_steps: int = 0
    decisions: int = 200
    long: bool = False

    @property
    def record(self) -> Path:
        return self.folder / "study.json"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def split(self) -> Path:
        return self.folder / "split.json"

    def ensemble(self, family: str) -> Path:
        """The ensemble of a family."""
        return self.folder / family

    def original(self, family: str) -> Path:
        """The run in which the original preset is tried beside the modern one."""
        return self.folder / "original" / family

    def leaking(self, split: str) -> Path:
        """The ensemble that is trained with one of the two ways to split."""
        return self.folder / "leak" / split

    def trials(self, subject: str, what: str) -> Path:
        """The trials of a subject: `what` is "grid", or a model's "grid-1000"."""
        return self.folder / "trials" / subject / f"{what}.npz"

    def regression_weights(self, name: str) -> Path:
        """The weights of a regression that is a reference."""
        return self.folder / "regression" / f"{name}.safetensors"

    @property
    def stages(self) -> Path:
        return self.folder / "stages"

    @property
    def leak_losses(self) -> Path:
        return self.folder / "leak.json"

    @property
    def latency(self) -> Path:
        return self.folder / "latency.json"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.json"

    @property
    def lock(self) -> Path:
        return self.folder / ".lock"

    def evaluation_seeds(self, model: int) -> range:
        """The episodes of the m-th model, the same ones for either family."""
        return range(model * self.episodes, (model + 1) * self.episodes)

    def all_evaluation_seeds(self) -> range:
        """Those of all models together, which the references run."""
        return range(len(self.seeds) * self.episodes)

    def facts(self) -> Mapping[str, Any]:
        """What must be the same when the study is gone on with: all that its numbers depend on."""
        return {
            "study": "pendulum",
            "preset": self.preset,
            "seeds": list(self.seeds),
            "steps": self.steps,
            "episodes": self.episodes,
            "demonstrations": self.demonstrations,
            "regression": self.regression,
        }

    def command(self) -> str:
        """What goes on with it."""
        return f"understudy study pendulum --output_dir={self.folder}"


def quick(folder: Path, jobs: int, families: tuple[str, ...] = FAMILIES) -> PendulumStudy:
    """Everything once, in about two minutes on two cores: it shows how the study works, not what comes out of it."""
    return PendulumStudy(
        folder,
        families,
        seeds=(FIRST_SEED, FIRST_SEED + 1),
        steps=300,
        jobs=jobs,
        episodes=10,
        demonstrations=300,
        regression=1500,
        leak=False,
        original_steps=3,
        decisions=50,
    )
