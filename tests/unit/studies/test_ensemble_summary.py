"""What the seeds say together: spreads, and a success whose interval counts seeds and episodes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fake_run import started, step, validation, write_events
from make_evaluation import write_evaluation
from understudy.core.stats import clopper_pearson
from understudy.core.training_seeds import rate_over_training_seeds
from understudy.studies.ensemble_folder import EnsembleFolder
from understudy.studies.ensemble_page import page
from understudy.studies.ensemble_summary import EnsembleResult, spread, summarize

CONFIG = {
    "policy": {"type": "act"},
    "dataset": {"repo_id": "u/banana", "split_seed": 1000, "eval_episodes": None, "eval_split": None},
}


def a_seed(folder: EnsembleFolder, seed: int, outcomes: Sequence[int] | None, **protocol: object) -> None:
    """A finished run of 10 steps, evaluated at its end if there are outcomes."""
    run = folder.run(seed)
    events = [started(), step(10, 10), validation(10, 10)]
    if outcomes is not None:
        place = write_evaluation(run.eval / "while-training/so101-lift-000010", outcomes, **protocol)
        counts = {"successes": sum(outcomes), "n": len(outcomes), "success_rate": sum(outcomes) / len(outcomes)}
        events.append({"event": "evaluation", "step": 10, "path": f"/elsewhere/{place.name}", **counts})
    write_events(run, [*events, {"event": "run_finished", "step": 10, "seconds": 3.0}])
    run.config.write_text(json.dumps({"seed": seed, "steps": 10}))


def summary(folder: EnsembleFolder, seeds: Sequence[int]) -> EnsembleResult:
    return summarize(folder, seeds, {}, finished=seeds, config=CONFIG, threads=1, confidence=0.95)


def test_success_counts_training_seeds_and_episodes(tmp_path: Path) -> None:
    folder = EnsembleFolder(tmp_path)
    outcomes = (np.random.default_rng(0).random((3, 20)) < [[0.4], [0.6], [0.9]]).astype(int)
    for seed, row in enumerate(outcomes.tolist()):
        a_seed(folder, seed, row)
    found = summary(folder, [0, 1, 2])
    assert found.success is not None
    assert (found.success.env, found.success.successes, found.success.n) == ("so101/lift", outcomes.sum(), 60)
    expected = rate_over_training_seeds(outcomes).to_json()
    assert found.success.interval == expected == found.measures["success_rate"].interval
    # counting 60 episodes as independent would be far too sure
    pooled = clopper_pearson(int(outcomes.sum()), 60)
    assert expected[1] - expected[0] > 1.3 * (pooled.high - pooled.low)
    assert f"**{outcomes.sum()} of 60 episodes of so101/lift succeeded" in page(found, [])


def test_of_a_single_seed_the_interval_is_exact_and_says_what_it_is_about(tmp_path: Path) -> None:
    folder = EnsembleFolder(tmp_path)
    a_seed(folder, 4, [1, 1, 0, 1])
    found = summary(folder, [4])
    assert found.success is not None
    assert found.success.interval == clopper_pearson(3, 4).to_json()
    assert "about this policy, not about the recipe" in found.success.method
    assert found.measures["loss"].std is None


@pytest.mark.parametrize(
    ("second", "protocol", "note"),
    [(None, {}, "not measured at the end of seed 1"), ([1, 0], {"horizon": 7}, "the protocols differ")],
)
def test_success_that_was_not_measured_alike_is_not_pooled(
    tmp_path: Path, second: list[int] | None, protocol: dict[str, object], note: str
) -> None:
    folder = EnsembleFolder(tmp_path)
    a_seed(folder, 0, [1, 0])
    a_seed(folder, 1, second, **protocol)
    found = summary(folder, [0, 1])
    assert found.success is None
    assert note in (found.success_note or "")
    assert note in page(found, [])


def test_a_torn_evaluation_is_named_instead_of_counted(tmp_path: Path) -> None:
    folder = EnsembleFolder(tmp_path)
    a_seed(folder, 0, [1, 0])
    (folder.run(0).eval / "while-training/so101-lift-000010/episodes.jsonl").write_text('{"seed"')
    found = summary(folder, [0])
    assert found.success is None
    assert "torn" in (found.success_note or "")


def test_a_seed_that_was_never_started_waits_and_measures_nothing(tmp_path: Path) -> None:
    found = summarize(EnsembleFolder(tmp_path), [5], {}, finished=[], config=CONFIG, threads=1, confidence=0.95)
    assert [(s.state, s.step, s.reason) for s in found.seeds] == [("waiting", 0, None)]
    assert "Nothing was measured" in page(found, [])


def test_the_spread_is_that_of_a_sample() -> None:
    found = spread([1.0, 3.0], 0.95)
    assert (found.n, found.mean, found.std, found.min, found.max) == pytest.approx((2, 2, 2**0.5, 1, 3))
    assert found.interval == pytest.approx([2 - 12.7062047, 2 + 12.7062047])
