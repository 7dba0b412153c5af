"""The evaluations of a study as jobs: each measures one subject and writes one file, `jobs` of them at a time.

A job whose file is there with the same identity is not done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.policies.kinds import WEIGHTS

from .ensemble_folder import EnsembleFolder
from .pendulum_config import PendulumStudy
from .pendulum_pool import each_alone
from .pendulum_recipes import LEAK_SEEDS, recipe_of
from .pendulum_stages import file_digest
from .pendulum_trials import GRID, HORIZON, LONG_HORIZON, Cell, Subject, identity_of, measured, run_trials

if TYPE_CHECKING:
    from understudy.policies.base import Policy

# name -> how the report calls it
REFERENCES = {
    "pid": "PID, closed loop",
    "pid_ahead": "PID ahead, blind",
    "pid_imagined": "PID ahead, noise imagined",
    "mlp_l1": "MLP, L1 regression",
    "mlp_squared": "MLP, squared regression",
    "idle": "do nothing",
}
REGRESSIONS: dict[str, Literal["l1", "squared"]] = {"mlp_l1": "l1", "mlp_squared": "squared"}
LONG_GRID = (Cell(0.01, 10), Cell(0.03, 13), Cell(0.05, 10), Cell(0.05, 15))
LONG_EPISODES = 20
# rad/s; the pole's angular velocity has a standard deviation of about 0.5 in the recordings
KICK = 1.0
KICK_GRID = (Cell(0.03, 10), Cell(0.03, 13), Cell(0.03, 15))

# what the recordings' actions were disturbed by, which whoever draws from them imagines too
RECORDED_NOISE = 0.05

# sampled: the grid again with what the policy has learnt drawn from, instead of its middle taken
What = Literal["grid", "kick", "long", "sampled"]


@dataclass(frozen=True)
class Job:
    """One subject, in some cells.

    source    the folder of a model's weights, or the file of a regression's; None for what has none
    weights   names what is in it
    """

    subject: str
    what: What
    out: Path
    seeds: tuple[int, ...]
    source: Path | None = None
    weights: str = ""

    @property
    def cells(self) -> tuple[Cell, ...]:
        return {"kick": KICK_GRID, "long": LONG_GRID}.get(self.what, GRID)

    @property
    def horizon(self) -> int:
        return LONG_HORIZON if self.what == "long" else HORIZON

    @property
    def kick(self) -> float:
        return KICK if self.what == "kick" else 0.0

    @property
    def identity(self) -> str:
        """The facts that a file holds, so that it is known again."""
        own = {"subject": self.subject, "what": self.what, "seeds": self.seeds, "cells": self.cells}
        return identity_of({**own, "horizon": self.horizon, "kick": self.kick, "weights": self.weights})


def model_checkpoint(study: PendulumStudy, family: str, seed: int) -> Path:
    """The checkpoint of a model that is measured."""
    run = EnsembleFolder(study.ensemble(family)).run(seed)
    return checkpoint_of(run, recipe_of(study, family).evaluated)


def checkpoint_of(run: RunFolder, which: Literal["last", "best"]) -> Path:
    """The `pretrained_model` folder behind the link."""
    return (run.best if which == "best" else run.last).resolve() / PRETRAINED


def model_jobs(study: PendulumStudy, family: str) -> list[Job]:
    """Every model of a family, in every way it is tried."""
    jobs = []
    for number, seed in enumerate(study.seeds):
        source = model_checkpoint(study, family, seed)
        seeds = study.evaluation_seeds(number)
        jobs += _tries(study, family, seeds, f"-{seed}", source)
        out = study.trials(family, f"sampled-{seed}")
        jobs.append(Job(family, "sampled", out, tuple(seeds), source, file_digest(source / WEIGHTS)))
    return jobs


def reference_jobs(study: PendulumStudy) -> list[Job]:
    """What the models are compared with, each on the episodes of all models."""
    jobs = []
    for name in REFERENCES:
        source = study.regression_weights(name) if name in REGRESSIONS else None
        jobs += _tries(study, name, study.all_evaluation_seeds(), "", source)
    return jobs


def leak_jobs(study: PendulumStudy) -> list[Job]:
    """The models of the demonstration of the leak, each on the first model's episodes."""
    jobs = []
    for split in ("window", "episode"):
        for seed in study.seeds[:LEAK_SEEDS]:
            source = checkpoint_of(EnsembleFolder(study.leaking(split)).run(seed), "last")
            out, seeds = study.trials(f"leak-{split}", f"grid-{seed}"), tuple(study.evaluation_seeds(0))
            jobs.append(Job(f"leak-{split}", "grid", out, seeds, source, file_digest(source / WEIGHTS)))
    return jobs


def _tries(study: PendulumStudy, subject: str, seeds: range, suffix: str, source: Path | None) -> list[Job]:
    file = source / WEIGHTS if source is not None and source.is_dir() else source
    weights = file_digest(file) if file is not None else ""
    whats: list[tuple[What, tuple[int, ...]]] = [("grid", tuple(seeds)), ("kick", tuple(seeds))]
    if study.long:
        whats.append(("long", first_of_each(study, seeds)))
    return [
        Job(subject, what, study.trials(subject, f"{what}{suffix}"), chosen, source, weights) for what, chosen in whats
    ]


def first_of_each(study: PendulumStudy, seeds: range) -> tuple[int, ...]:
    """The first 20 episodes of each model among `seeds`: long episodes take long."""
    return tuple(seed for seed in seeds if seed % study.episodes < LONG_EPISODES)


def run_jobs(jobs: Sequence[Job], at_once: int) -> None:
    """Do those that are not done. Raises what a job raises, once those that run have ended."""
    left = [job for job in jobs if not measured(job.out, job.identity)]
    each_alone(run_job, left, at_once, "evaluated")


def run_job(job: Job) -> None:
    """Measure the subject and write its file. Raises what loading it raises."""
    subject = subject_of(job)
    trials = run_trials(subject, job.seeds, job.cells, horizon=job.horizon, kick=job.kick, identity=job.identity)
    trials.save(job.out)


def subject_of(job: Job) -> Subject:
    """Who acts."""
    if job.subject in _SCRIPTED:
        return _scripted(job.subject)
    assert job.source is not None
    if job.subject in REGRESSIONS:
        return _regression(job)
    from understudy.policies.pretrained import load_policy

    from .pendulum_trials import policy_subject

    policy = load_policy(job.source, "cpu")
    if job.what == "sampled":
        draw_always(policy)
    return policy_subject(policy)


def draw_always(policy: Policy) -> None:
    """From now on the policy predicts with temperature 1: a draw from what it has learnt."""
    from understudy.policies.config import PolicyConfig

    owner: Any
    for owner in policy.modules():
        if isinstance(config := getattr(owner, "config", None), PolicyConfig):
            owner.config = config.model_copy(update={"temperature": 1.0})


_SCRIPTED = ("pid", "pid_ahead", "pid_imagined", "idle")


def _scripted(name: str) -> Subject:
    from understudy.envs.pendulum.ahead import run_ahead_batch, run_idle_batch
    from understudy.envs.pendulum.batch import BatchResult, run_expert_batch

    def run(seeds: Sequence[int], cell: Cell, horizon: int, kick: float) -> BatchResult:
        if name == "pid":
            return run_expert_batch(seeds, noise=cell.noise, horizon=horizon, kick=kick)
        if name == "idle":
            return run_idle_batch(seeds, noise=cell.noise, replan=cell.replan, horizon=horizon, kick=kick)
        imagined = RECORDED_NOISE if name == "pid_imagined" else 0.0
        return run_ahead_batch(
            seeds, noise=cell.noise, replan=cell.replan, horizon=horizon, kick=kick, imagined_noise=imagined
        )

    return run


def _regression(job: Job) -> Subject:
    from .pendulum_mlp import mlp_subject, read_mlp

    assert job.source is not None
    return mlp_subject(read_mlp(job.source))
