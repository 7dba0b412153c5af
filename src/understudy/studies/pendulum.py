"""The study of the pendulum, from nothing to a page: two families of policies, many seeds, under noise and blindness.

    result = run_study(PendulumStudy(Path("outputs/study/pendulum"), jobs=2))

An expert is recorded; tiny pi0 (flow matching) and tiny pi0-FAST (tokens) learn from it, ten models each; all of them,
and references that bound what can be had, run the same episodes in nine settings. It repeats the experiment of
github.com/ruiming-wu/FAST_Flow_Matching with splits that do not leak, seeds, and intervals. Stopped anywhere, the same
call goes on.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import log
from understudy.core.errors import ConfigError, DiskFull, Interrupted
from understudy.core.files import free_bytes, held_alone, write_atomically
from understudy.core.signals import ended_politely
from understudy.core.units import readable_bytes

from .pendulum_config import PendulumStudy
from .pendulum_stages import Stages, check_folder, digest, file_digest, note_study

if TYPE_CHECKING:
    from understudy.train.config import TrainConfig

# so much more than the forecast has to be free: others write to the disk too
_DISK_RESERVE = 1.5


def run_study(study: PendulumStudy) -> dict[str, Any]:
    """The whole of it; what summary.json holds. The page is `report.md` and `report.html` in the folder.

    Raises ConfigError, DataError, ResourceError before anything is written; Interrupted when it was stopped, after what
    was going on has been saved; what training and evaluating raise.
    """
    check_study(study)
    refusal = ConfigError("another process is at this study", where=str(study.folder), hint="wait for it")
    note_study(study)
    with held_alone(study.lock, refusal), ended_politely():
        try:
            return _all_stages(study)
        except (Interrupted, KeyboardInterrupt) as error:
            code = error.exit_code if isinstance(error, Interrupted) else 130
            raise Interrupted(
                "stopped: what was finished is kept", exit_code=code, hint=f"go on with: {study.command()}"
            ) from error


def check_study(study: PendulumStudy) -> None:
    """Check everything that can be checked without training, and say what it will take. Writes nothing."""
    for package, extra in (("mujoco", "sim"),):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"the pendulum needs the package {package}", hint=f"pip install 'understudy[{extra}]' brings it along"
            )
    check_folder(study)
    from .pendulum_forecast import forecast

    expected = forecast(study)
    log.say(
        f"{'study':<10} {' and '.join(study.families)}, {len(study.seeds)} models each, {study.episodes} episodes of "
        f"each in nine settings; {study.jobs} at a time, in {study.folder}"
    )
    for line in expected.lines():
        log.say(line)
    if (free := free_bytes(study.folder)) < _DISK_RESERVE * expected.bytes:
        raise DiskFull(
            f"{readable_bytes(free)} are free, about {readable_bytes(expected.bytes)} are needed",
            where=str(study.folder),
            hint="free some space, or choose another --output_dir",
        )


def _all_stages(study: PendulumStudy) -> dict[str, Any]:
    """One after the other; what has been done is skipped."""
    from .pendulum_data import record_data
    from .pendulum_jobs import model_jobs, reference_jobs, run_jobs
    from .pendulum_leak import show_leak

    stages = Stages(study.stages)
    stages.run("data", {"demonstrations": study.demonstrations}, lambda: record_data(study))
    for family in study.families:
        inputs = _training_inputs(study, family)
        stages.run(f"train-{family}", inputs, functools.partial(train_family, study, family))
    if study.original_steps:
        stages.run("originals", {"steps": study.original_steps}, lambda: _try_originals(study))
    _fit_regressions(study, stages)
    log.say("evaluating")
    jobs = [*reference_jobs(study), *(job for family in study.families for job in model_jobs(study, family))]
    run_jobs(jobs, study.jobs)
    stages.run("latency", {job.subject: job.weights for job in reversed(jobs)}, lambda: _measure_latency(study))
    if study.leak:
        stages.run("leak", _training_inputs(study, study.families[0]), lambda: show_leak(study))
    return _report(study, stages)


def _training_inputs(study: PendulumStudy, family: str) -> dict[str, Any]:
    from .pendulum_recipes import training_of

    config = training_of(study, family).to_json()
    return {"config": config, "seeds": list(study.seeds), "split": file_digest(study.split)}


def train_family(study: PendulumStudy, family: str) -> None:
    """Ten models of a family, or what is missing of them. Raises ConfigError when one failed."""
    from .pendulum_recipes import training_of

    train_ensemble(study, training_of(study, family), study.seeds, study.ensemble(family))


def train_ensemble(study: PendulumStudy, config: TrainConfig, seeds: tuple[int, ...], folder: Path) -> None:
    """All seeds of a configuration, `study.jobs` at a time. Raises ConfigError when one failed, Interrupted."""
    from .ensemble import run_ensemble
    from .ensemble_config import EnsembleConfig

    result = run_ensemble(EnsembleConfig(train=config, seeds=seeds, folder=folder, jobs=study.jobs, threads=1))
    if result.failed:
        failed = result.failed[0]
        raise ConfigError(
            f"{len(result.failed)} of {len(seeds)} models could not be trained; seed {failed.seed}: {failed.reason}",
            where=str(folder),
            hint=f"mend what is wrong, then go on with: {study.command()}",
        )


def _try_originals(study: PendulumStudy) -> None:
    """The published architectures at their exact sizes, for a few updates: whether they are there, not how good."""
    import shutil

    from understudy.train.run import train

    from .pendulum_recipes import trying_original

    for family in study.families:
        shutil.rmtree(study.original(family), ignore_errors=True)
        train(trying_original(study, family))


def _fit_regressions(study: PendulumStudy, stages: Stages) -> None:
    from .pendulum_jobs import REGRESSIONS
    from .pendulum_mlp import STEPS, Regression, fit
    from .pendulum_pool import each_alone

    steps = study.regression or STEPS
    left = [
        Regression(loss, steps, study.data, study.split, study.regression_weights(name))
        for name, loss in REGRESSIONS.items()
    ]
    inputs = {"steps": steps, "split": file_digest(study.split), "demonstrations": study.demonstrations}
    stages.run("regression", inputs, lambda: each_alone(fit, left, study.jobs, "regression"))


def _measure_latency(study: PendulumStudy) -> None:
    """Of the first model of each family, alone on the machine."""
    from understudy.policies.pretrained import load_policy

    from .pendulum_jobs import model_checkpoint
    from .pendulum_latency import latency

    found = {
        family: latency(load_policy(model_checkpoint(study, family, study.seeds[0]), "cpu"), study.decisions)
        for family in study.families
    }
    write_atomically(study.latency, json.dumps(found, indent=2) + "\n")


def _report(study: PendulumStudy, stages: Stages) -> dict[str, Any]:
    """summary.json, the pictures and the page, anew each time: they cost seconds."""
    from understudy.report.pendulum import write_pendulum_page

    from .pendulum_summary import summarize_study

    summary = summarize_study(study, stages.seconds())
    summary["hash"] = digest({"summary": summary})
    write_atomically(study.summary, json.dumps(summary, indent=1) + "\n")
    page = write_pendulum_page(study.folder)
    log.say(f"\n{page}")
    return summary
