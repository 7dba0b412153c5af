"""Side: what is compared, one evaluation or (for a recipe trained with several seeds) several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.errors import ConfigError, DataError
from understudy.core.files import json_or_empty
from understudy.core.run_folder import ENSEMBLE, RunFolder
from understudy.core.stats import Interval, clopper_pearson
from understudy.report.judgements import Judgement

from ..records import EPISODES, SUMMARY, Evaluation, name_and_task, read_evaluation


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    letter        how it is called: "a", "b", ...
    evaluations   one, or one per training seed, all on the same episodes
    """

    letter: str
    evaluations: tuple[Evaluation, ...]

    @property
    def name(self) -> str:
        """The policy, or the policies of all training seeds."""
        return ", ".join(dict.fromkeys(name_and_task({"name": each.policy, **each.who}) for each in self.evaluations))

    @property
    def protocol(self) -> dict[str, Any]:
        """How it was evaluated."""
        return self.evaluations[0].protocol

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds of its episodes, in order."""
        return [episode.seed for episode in self.evaluations[0].episodes]

    @cached_property
    def outcomes(self) -> np.ndarray:
        """(training seeds, episodes) bool: success, columns in the order of `seeds`."""
        return np.array([[episode.success for episode in evaluation.episodes] for evaluation in self.evaluations])

    @property
    def successes(self) -> int:
        """Over all training seeds."""
        return int(self.outcomes.sum())

    @property
    def n(self) -> int:
        """Episodes over all training seeds."""
        return self.outcomes.size

    @property
    def rate(self) -> float:
        """Successes of n."""
        return self.successes / self.n

    def interval(self, confidence: float) -> Interval | None:
        """The exact interval of the rate; None over training seeds, whose episodes are not independent."""
        return clopper_pearson(self.successes, self.n, confidence) if len(self.evaluations) == 1 else None

    def at(self, seeds: list[int]) -> np.ndarray:
        """`outcomes`, of these seeds only."""
        column = {seed: i for i, seed in enumerate(self.seeds)}
        return self.outcomes[:, [column[seed] for seed in seeds]]


def read_side(letter: str, text: str) -> Side:
    """The side that `text` names: a folder, or several separated by commas, one per training seed.

    Each is the folder of an evaluation, or of a run, whose newest evaluation with successes is taken. The folder of an
    ensemble stands for the evaluations at the end of all its seeds.

    Raises ConfigError: nothing there, the same evaluation twice, other episodes for another training seed.
    DataError: a damaged evaluation.
    """
    paths = [Path(text)] if Path(text).exists() else [Path(part.strip()) for part in text.split(",") if part.strip()]
    paths = [found for path in paths for found in _of_ensemble(path.expanduser()) or [path]]
    if not paths:
        raise ConfigError(f"`{letter}` names no evaluation")
    folders = [find_evaluation(path.expanduser()) for path in paths]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError(f"`{letter}` names the same evaluation twice", where=text)
    side = Side(letter, tuple(read_evaluation(folder) for folder in folders))
    for evaluation in side.evaluations:
        if not evaluation.episodes:
            raise ConfigError("the evaluation has no episodes: there is nothing to compare", where=str(evaluation.path))
        if [episode.seed for episode in evaluation.episodes] != side.seeds:
            raise ConfigError(
                f"the training seeds of `{letter}` were not evaluated on the same episodes",
                where=f"{side.evaluations[0].path} and {evaluation.path}",
                hint="evaluate each of them with the same --seed and --eval.n_episodes",
            )
    return side


def _of_ensemble(path: Path) -> list[Path]:
    """The evaluations that the summary in an ensemble's folder names; [] for any other folder."""
    summary = path / SUMMARY
    if not (path / ENSEMBLE).is_file() or not summary.is_file():
        return []
    try:
        success = json.loads(summary.read_bytes()).get("success")
    except (ValueError, AttributeError) as error:
        raise DataError("the summary of the ensemble cannot be read", where=str(summary)) from error
    if not success:
        raise ConfigError(
            "the ensemble has no success that was measured alike for all its seeds",
            where=str(path),
            hint="train it with --env.type and --eval.n_episodes, or name the evaluations: PATH,PATH,...",
        )
    return [path / folder for folder in success["folders"]]


def check_different(sides: Sequence[Side]) -> None:
    """Raises ConfigError when two sides are the same evaluation: their difference would be 0 by itself."""
    seen: dict[Path, str] = {}
    for side in sides:
        for path in {evaluation.path.resolve() for evaluation in side.evaluations}:
            if path in seen:
                raise ConfigError(f"`{seen[path]}` and `{side.letter}` are the same evaluation", where=str(path))
            seen[path] = side.letter


def find_evaluation(path: Path) -> Path:
    """The folder itself or, for a run's folder, its newest finished evaluation with successes. Raises ConfigError."""
    run = RunFolder(path)
    if not (path / EPISODES).exists() and run.eval.is_dir():
        # one on held-out episodes has a summary too, but no episodes that succeed or fail
        found = [file.parent for file in run.eval.glob(f"*/{EPISODES}") if (file.parent / SUMMARY).exists()]
        if not found:
            raise ConfigError(
                "this run has no finished evaluation with successes",
                where=str(run.eval),
                hint="make one: understudy eval --policy.path=RUN --env.type=TASK",
            )
        # one that was blinded, or told otherwise, is compared where it is named itself
        own = [folder for folder in found if Judgement(folder, json_or_empty(folder / SUMMARY)).is_own]
        return max(own or found, key=lambda folder: (folder / SUMMARY).stat().st_mtime_ns)
    if not path.exists():
        raise ConfigError("there is no such folder", where=str(path), hint="name the folder of an evaluation or a run")
    return path
