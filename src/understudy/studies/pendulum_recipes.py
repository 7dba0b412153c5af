"""How each family is trained, all numbers in one place: what was found on validation episodes and on development seeds.

The modern recipes train on every window of the training episodes, or of their first half. The original ones repeat the
published study: its 25 windows an episode, its split over windows, epochs of 625 updates with early stopping and a
plateau schedule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from understudy.core.rng import Rng
from understudy.data.split import Split
from understudy.train.config import TrainConfig

from .pendulum_config import PendulumStudy

# first episodes of the recording: the evaluation's seeds begin at 0
RECORDING_SEED = 100_000
GAIN_SPREAD = 0.1
VALIDATION_SHARE = TEST_SHARE = 0.1
# where the published study's windows begin in an episode
ORIGINAL_STARTS = (*range(9), *range(10, 25, 2), *range(27, 49, 3))
EPOCH = 625


@dataclass(frozen=True)
class Recipe:
    """What a family is trained with.

    evaluated       which checkpoint is measured
    validations     while training; the original has one an epoch
    window_starts   frames of an episode at which windows begin; None: every one
    """

    steps: int
    batch_size: int
    evaluated: Literal["last", "best"] = "last"
    validations: int = 10
    window_starts: tuple[int, ...] | None = None


RECIPES: dict[tuple[str, str], Recipe] = {
    # windows of the first half: what matters happens there, and the second half is calm
    ("tiny_pi0", "modern"): Recipe(steps=5_000, batch_size=256, window_starts=tuple(range(50))),
    ("tiny_pi0_fast", "modern"): Recipe(steps=8_000, batch_size=256),
    ("tiny_pi0", "original"): Recipe(steps=200 * EPOCH, batch_size=128, evaluated="best"),
    ("tiny_pi0_fast", "original"): Recipe(steps=200 * EPOCH, batch_size=128, evaluated="best"),
}


def recipe_of(study: PendulumStudy, family: str) -> Recipe:
    """The recipe, with the study's own number of updates where it has one."""
    recipe = RECIPES[family, study.preset]
    return recipe if study.steps is None else replace(recipe, steps=study.steps)


def training_of(study: PendulumStudy, family: str) -> TrainConfig:
    """The configuration that all models of a family share."""
    recipe = recipe_of(study, family)
    options = _shared(study, recipe) | {"policy": {"type": family, "preset": study.preset}}
    return TrainConfig.model_validate(options | (_original(options) if study.preset == "original" else {}))


def _shared(study: PendulumStudy, recipe: Recipe) -> dict[str, Any]:
    return {
        "dataset": {
            "repo_id": "pendulum",
            "root": study.data,
            "split_file": study.split,
            "window_starts": None if recipe.window_starts is None else list(recipe.window_starts),
        },
        "job_name": study.folder.name,
        "seed": study.seeds[0],
        "steps": recipe.steps,
        "batch_size": recipe.batch_size,
        "precision": "fp32",
        "log_freq": max(1, recipe.steps // 100),
        "eval_steps": max(1, recipe.steps // recipe.validations),
        "save_freq": 0,
        "tensorboard": False,
        "report": False,
    }


def _original(options: dict[str, Any]) -> dict[str, Any]:
    """What the published study did otherwise: its windows, its leak, its epochs, how it stopped."""
    data = {key: value for key, value in options["dataset"].items() if key != "split_file"}
    return {
        "dataset": data | {"split": "window", "test_split": TEST_SHARE, "window_starts": list(ORIGINAL_STARTS)},
        "eval_steps": min(EPOCH, options["eval_steps"]),
        "log_freq": min(EPOCH, options["eval_steps"]),
        "max_eval_samples": 0,
        "best": "loss",
        "early_stopping": 20,
        "naming": "study",
    }


def trying_original(study: PendulumStudy, family: str) -> TrainConfig:
    """A few updates of the original preset, at its exact size, measured once."""
    tried = replace(study, preset="original", steps=study.original_steps)
    changed = {"output_dir": study.original(family), "eval_steps": study.original_steps}
    return training_of(tried, family).model_copy(update=changed)


# what the demonstration of the leak is trained on: so few episodes that a network can learn them by heart
LEAK_EPISODES, LEAK_STEPS, LEAK_SEEDS = 20, 1500, 2


def leaking_of(study: PendulumStudy, split: Literal["episode", "window"]) -> TrainConfig:
    """The first family's modern preset on few episodes, with a fifth of their windows or of themselves held out."""
    shared = _shared(replace(study, preset="modern"), Recipe(LEAK_STEPS, 128, validations=20))
    episodes = split_of(study.demonstrations).train[:LEAK_EPISODES]
    data = {"repo_id": "pendulum", "root": study.data, "episodes": episodes}
    data |= {"split": split, "eval_split": 0.2}
    policy = {"type": study.families[0], "preset": "modern"}
    return TrainConfig.model_validate(shared | {"dataset": data, "policy": policy, "max_eval_samples": 0})


def split_of(episodes: int) -> Split:
    """Whole episodes, drawn once for all: a tenth validates, a tenth is kept for the test, the rest trains."""
    order = Rng(0).numpy("pendulum study split").permutation(episodes).tolist()
    test, validation = max(1, round(TEST_SHARE * episodes)), max(1, round(VALIDATION_SHARE * episodes))
    train, held_out = sorted(order[test + validation :]), sorted(order[test : test + validation])
    return Split(train, held_out, sorted(order[:test]))
