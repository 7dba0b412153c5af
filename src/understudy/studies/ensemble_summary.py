"""What the seeds of an ensemble say together: every measure with its spread and the interval of its mean.

Only finished runs count, each at its last update. Success counts training seeds and episodes both: the same episodes
are hard for all policies, so those of ten policies are not ten times as many (core/training_seeds.py).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.errors import DataError
from understudy.core.events import read_events
from understudy.core.run_folder import RunFolder
from understudy.core.stats import clopper_pearson, mean_interval
from understudy.core.training_seeds import rate_over_training_seeds
from understudy.evaluate.records import Evaluation, read_evaluation
from understudy.report.events import History, number, read_history
from understudy.train.simulation import FOLDER as WHILE_TRAINING

from .ensemble_folder import EnsembleFolder
from .ensemble_processes import reason
from .ensemble_progress import State, state_of_exit, steps_of

# key of the summary -> what it is
MEASURES = {
    "loss": "training loss, mean since the last log",
    "held_out_loss": "held-out loss",
    "action_error": "held-out action error, standard deviations",
    "best_action_error": "the smallest held-out action error while training",
    "success_rate": "success in simulation",
    "seconds": "seconds of training",
}


@dataclass(frozen=True)
class Spread:
    """A measure over training seeds.

    std        sample standard deviation (n - 1); None of a single seed, as `interval`
    interval   of the mean, by Student's t; of success the one that counts episodes too
    """

    n: int
    mean: float
    std: float | None
    min: float
    max: float
    interval: list[float] | None


@dataclass(frozen=True)
class SeedResult:
    """What became of one seed; measures as in MEASURES, None where not measured."""

    seed: int
    state: State
    path: str
    step: int
    exit_code: int | None = None
    reason: str | None = None
    measures: dict[str, float | None] = field(default_factory=dict)
    successes: int | None = None
    n: int | None = None


@dataclass(frozen=True)
class Success:
    """Success of all finished policies on the same episodes.

    interval   for the next policy of this recipe and the next episode alike
    folders    the evaluation of each seed, relative to the ensemble's folder
    """

    env: str
    successes: int
    n: int
    interval: list[float]
    method: str
    protocol: str
    folders: list[str]


@dataclass(frozen=True)
class EnsembleResult:
    """The whole of it; `to_json` is what summary.json holds and `--json` prints.

    success_note   why there is no success over all seeds although it was measured
    """

    path: Path
    seeds: list[SeedResult]
    measures: dict[str, Spread]
    confidence: float
    success: Success | None
    success_note: str | None
    config: dict[str, Any]
    threads: int

    @property
    def finished(self) -> list[SeedResult]:
        """The seeds that came to their end."""
        return [seed for seed in self.seeds if seed.state == "finished"]

    @property
    def failed(self) -> list[SeedResult]:
        """The seeds that did not, and for whom another try would be needed."""
        return [seed for seed in self.seeds if seed.state == "failed"]

    @property
    def runs(self) -> dict[int, RunFolder]:
        """The run folders of the finished seeds."""
        return {seed.seed: RunFolder(Path(seed.path)) for seed in self.finished}

    @property
    def exit_code(self) -> int:
        """0 when all finished; 3, 4 or 5 when that is why all failures failed; else 1."""
        codes = {seed.exit_code for seed in self.failed}
        if len(codes) == 1 and (code := codes.pop()) in (3, 4, 5):
            return int(code)
        return 1 if self.failed else 0

    def to_json(self) -> dict[str, Any]:
        """JSON of everything, paths as text."""
        content = asdict(self)
        return {**content, "path": str(self.path), "finished": len(self.finished), "failed": len(self.failed)}


def summarize(
    folder: EnsembleFolder,
    seeds: Sequence[int],
    codes: Mapping[int, int],
    *,
    finished: Sequence[int],
    config: dict[str, Any],
    threads: int,
    confidence: float,
) -> EnsembleResult:
    """Read the run folders of `seeds`.

    codes      exit codes of those that ran now
    finished   those that were finished before
    """
    results = [_seed_result(folder, seed, 0 if seed in finished else codes.get(seed)) for seed in seeds]
    done = [result for result in results if result.state == "finished"]
    success, note = _success(folder, done, confidence)
    measures = {}
    for name in MEASURES:
        values = [value for result in done if (value := result.measures.get(name)) is not None]
        if values:
            measures[name] = spread(values, confidence)
    if "success_rate" in measures and success is not None:
        one = measures["success_rate"]
        measures["success_rate"] = Spread(one.n, one.mean, one.std, one.min, one.max, success.interval)
    return EnsembleResult(folder.path, results, measures, confidence, success, note, config, threads)


def spread(values: Sequence[float], confidence: float) -> Spread:
    """Mean, sample standard deviation, ends, and the interval of the mean."""
    several = len(values) > 1
    return Spread(
        len(values),
        statistics.fmean(values),
        statistics.stdev(values) if several else None,
        min(values),
        max(values),
        mean_interval(values, confidence).to_json() if several else None,
    )


def _seed_result(folder: EnsembleFolder, seed: int, code: int | None) -> SeedResult:
    run = folder.run(seed)
    state: State = "waiting" if code is None else state_of_exit(code)
    history = read_history(run.events)
    evaluation = history.evaluations[-1] if history.evaluations else {}
    step = history.steps[-1]["step"] if history.steps else 0
    steps = steps_of(folder, seed)
    at_the_end = bool(evaluation) and evaluation.get("step") == steps
    return SeedResult(
        seed,
        state,
        str(run.path),
        step,
        code,
        reason(folder.log(seed), code) if code is not None and state == "failed" else None,
        _measures(run, history, evaluation if at_the_end else {}),
        evaluation.get("successes") if at_the_end else None,
        evaluation.get("n") if at_the_end else None,
    )


def _measures(run: RunFolder, history: History, evaluation: Mapping[str, Any]) -> dict[str, float | None]:
    last_step = history.steps[-1] if history.steps else {}
    last_validation = history.validations[-1] if history.validations else {}
    errors = [error for event in history.validations if (error := number(event.get("action_error"))) is not None]
    ends = ("run_finished", "run_interrupted", "run_failed")
    seconds = [number(event.get("seconds")) for event in read_events(run.events) if event["event"] in ends]
    return {
        "loss": number(last_step.get("loss")),
        "held_out_loss": number(last_validation.get("loss")),
        "action_error": number(last_validation.get("action_error")),
        "best_action_error": min(errors, default=None),
        "success_rate": number(evaluation.get("success_rate")),
        "seconds": sum(s for s in seconds if s is not None) if seconds else None,
    }


def _success(
    folder: EnsembleFolder, done: Sequence[SeedResult], confidence: float
) -> tuple[Success | None, str | None]:
    """(success over all finished seeds, why there is none although it was measured)."""
    measured = [result for result in done if result.n is not None]
    if not measured:
        return None, None
    if len(measured) < len(done):
        missing = next(result.seed for result in done if result.n is None)
        return None, f"success was not measured at the end of seed {missing}"
    try:
        evaluations = [_final_evaluation(folder, result.seed) for result in measured]
    except DataError as error:
        return None, str(error)
    protocols = {evaluation.protocol["hash"] for evaluation in evaluations}
    if len(protocols) > 1:
        return None, "success was not measured alike for all seeds: the protocols differ"
    outcomes = np.array([[episode.success for episode in evaluation.episodes] for evaluation in evaluations])
    if min(outcomes.shape) > 1:
        interval = rate_over_training_seeds(outcomes, confidence)
        method = "t interval that counts training seeds and episodes"
    else:
        interval = clopper_pearson(int(outcomes.sum()), outcomes.size, confidence)
        method = "Clopper-Pearson; about this policy, not about the recipe" if len(outcomes) == 1 else "Clopper-Pearson"
    first = evaluations[0].protocol
    env = str(first.get("task"))
    folders = [str(evaluation.path.relative_to(folder.path)) for evaluation in evaluations]
    count, n, digest = int(outcomes.sum()), outcomes.size, str(first["hash"])
    return Success(env, count, n, interval.to_json(), method, digest, folders), None


def _final_evaluation(folder: EnsembleFolder, seed: int) -> Evaluation:
    """The evaluation that the run made of its last checkpoint. Raises DataError."""
    run = folder.run(seed)
    last = read_history(run.events).evaluations[-1]
    return read_evaluation(run.eval / WHILE_TRAINING / Path(str(last["path"])).name)
