"""summary.json: every number of the report, computed from the files of the study."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from understudy import __version__
from understudy.core.cores import usable_cores
from understudy.core.files import json_or_empty
from understudy.report.events import History, number, read_history, series

from .ensemble_folder import EnsembleFolder
from .pendulum_config import PendulumStudy
from .pendulum_jobs import KICK, REFERENCES, What
from .pendulum_leak import SPLITS, read_leak
from .pendulum_numbers import against_ceiling, differences, rate, summary_of, within_stock_limits
from .pendulum_recipes import LEAK_EPISODES, LEAK_SEEDS
from .pendulum_trials import Trials, read_trials

# of Gymnasium's unmodified environment
STOCK_ANGLE, STOCK_CART = 0.2, 1.0


def summarize_study(study: PendulumStudy, seconds: dict[str, float]) -> dict[str, Any]:
    """The document. Raises DataError when trials cannot be read."""
    grid = _all_trials(study, "grid")
    subjects = {name: summary_of(models) for name, models in grid.items()}
    families = list(study.families)
    document: dict[str, Any] = {
        "study": dict(study.facts()) | {"families": families, "jobs": study.jobs},
        "version": __version__,
        "machine": _machine(study),
        "names": REFERENCES,
        "subjects": subjects,
        "ceiling": {name: against_ceiling(grid[name], grid["pid_ahead"][0]) for name in _judged(families)},
        "differences": differences(*(grid[name] for name in families)) if len(families) == 2 else {},
        "kick": {"rad_per_s": KICK, "subjects": {n: summary_of(m) for n, m in _all_trials(study, "kick").items()}},
        "sampled": {name: summary_of(_models(study, name, "sampled")) for name in families},
        "stock": {
            "angle": STOCK_ANGLE,
            "cart": STOCK_CART,
            "subjects": {n: within_stock_limits(m, STOCK_ANGLE, STOCK_CART) for n, m in grid.items()},
        },
        "training": {name: _training(study, name) for name in families},
        "latency": json_or_empty(study.latency),
        "seconds": seconds,
    }
    if study.long:
        document["long"] = {name: summary_of(models) for name, models in _all_trials(study, "long").items()}
    if study.leak:
        document["leak"] = _leak(study)
    return document


def _judged(families: Sequence[str]) -> list[str]:
    """Who is held against the ceiling: what was learnt."""
    return [*families, *(name for name in REFERENCES if name.startswith("mlp"))]


def _all_trials(study: PendulumStudy, what: What) -> dict[str, list[Trials]]:
    """Families first, then references; the models of a family in the order of the seeds."""
    found = {family: _models(study, family, what) for family in study.families}
    return found | {name: [read_trials(study.trials(name, what))] for name in REFERENCES}


def _models(study: PendulumStudy, family: str, what: What) -> list[Trials]:
    return [read_trials(study.trials(family, f"{what}-{seed}")) for seed in study.seeds]


def _training(study: PendulumStudy, family: str) -> dict[str, Any]:
    """What the models of a family are and cost: parameters, updates, seconds, held-out error; a list entry a seed."""
    folder = EnsembleFolder(study.ensemble(family))
    histories = [read_history(folder.run(seed).events) for seed in study.seeds]
    policy = histories[0].started.get("policy", {})
    return {
        "parameters": policy.get("parameters"),
        "updates": [int(h.steps[-1]["step"]) if h.steps else 0 for h in histories],
        "seconds": [seed.get("measures", {}).get("seconds") for seed in json_or_empty(folder.summary).get("seeds", [])],
        "held_out_loss": [_last(h, "loss") for h in histories],
        "action_error": [_last(h, "action_error") for h in histories],
        "curves": {key: [_curve(h, key) for h in histories] for key in ("loss", "action_error")},
        "train_curves": [[[float(x) for x in axis] for axis in series(h.steps, "loss")] for h in histories],
        "config": json_or_empty(folder.config).get("policy", {}),
        "batch_size": json_or_empty(folder.config).get("batch_size"),
    }


def _machine(study: PendulumStudy) -> dict[str, Any]:
    """What the first model was trained on, as its run notes it."""
    started = read_history(EnsembleFolder(study.ensemble(study.families[0])).run(study.seeds[0]).events).started
    return {"cores": usable_cores(), **started.get("machine", {}), "system": platform.platform()}


def _curve(history: History, key: str) -> list[list[float]]:
    """[steps, values] of the validations."""
    return [[float(x) for x in axis] for axis in series(history.validations, key)]


def _last(history: History, key: str) -> float | None:
    return number(history.validations[-1].get(key)) if history.validations else None


def _leak(study: PendulumStudy) -> dict[str, Any]:
    """For each way to split: the validation losses while training, and how the models do for true."""
    found: dict[str, Any] = {"episodes": LEAK_EPISODES}
    new = read_leak(study)
    for split in SPLITS:
        folder, seeds = EnsembleFolder(study.leaking(split)), study.seeds[:LEAK_SEEDS]
        histories = [read_history(folder.run(seed).events) for seed in seeds]
        models = [read_trials(study.trials(f"leak-{split}", f"grid-{seed}")) for seed in seeds]
        found[split] = {
            "curves": [_curve(h, "loss") for h in histories],
            "train_curves": [[[float(x) for x in axis] for axis in series(h.steps, "loss")] for h in histories],
            "validation_loss": [_last(h, "loss") for h in histories],
            "new_loss": new[split],
            "success": rate([np.ravel(m.success) for m in models]),
            "convergence": rate([np.ravel(m.converged) for m in models]),
        }
    return found
