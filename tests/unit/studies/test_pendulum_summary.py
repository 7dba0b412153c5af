"""From trials on the disk to the page, with made-up trials and runs: every number of it can be computed again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from understudy.core.errors import DataError
from understudy.report.pendulum import write_pendulum_page
from understudy.studies.ensemble_folder import EnsembleFolder
from understudy.studies.pendulum_config import FAMILIES, PendulumStudy
from understudy.studies.pendulum_jobs import KICK_GRID, LONG_GRID, REFERENCES
from understudy.studies.pendulum_summary import summarize_study
from understudy.studies.pendulum_trials import GRID, Cell, Trials

RATES = {"tiny_pi0": 0.9, "tiny_pi0_fast": 0.6, "idle": 0.0}


def made_up(cells: tuple[Cell, ...], seeds: range, share: float, horizon: int = 100) -> Trials:
    """Trials in which about `share` of the episodes succeed, and those alone converge."""
    ok = np.random.default_rng(seeds[0]).uniform(size=(len(cells), len(seeds))) < share
    steps = np.where(ok, horizon, horizon // 2)
    return Trials(
        noise=np.array([cell.noise for cell in cells]),
        replan=np.array([cell.replan for cell in cells]),
        seeds=np.array(seeds),
        success=ok,
        steps=steps,
        converged_at=np.where(ok, 30, -1),
        velocity_sum=np.zeros(ok.shape),
        velocity_squares=steps * 0.25,
        widest_angle=np.full(ok.shape, 0.1),
        widest_cart=np.full(ok.shape, 0.1),
        identity="",
    )


@pytest.fixture
def study(tmp_path: Path) -> PendulumStudy:
    study = PendulumStudy(tmp_path, seeds=(1000, 1001, 1002), episodes=20, long=True, leak=True)
    whats = (("grid", GRID, 100), ("sampled", GRID, 100), ("kick", KICK_GRID, 100), ("long", LONG_GRID, 1000))
    for what, cells, horizon in whats:
        for family in FAMILIES:
            for number, seed in enumerate(study.seeds):
                trials = made_up(cells, study.evaluation_seeds(number), RATES[family], horizon)
                trials.save(study.trials(family, f"{what}-{seed}"))
        for name in REFERENCES:
            trials = made_up(cells, study.all_evaluation_seeds(), RATES.get(name, 1.0), horizon)
            trials.save(study.trials(name, what))
    for split in ("window", "episode"):
        for seed in study.seeds[:2]:
            made_up(GRID, study.evaluation_seeds(0), 0.5).save(study.trials(f"leak-{split}", f"grid-{seed}"))
            _run(EnsembleFolder(study.leaking(split)), seed)
    for family in FAMILIES:
        for seed in study.seeds:
            _run(EnsembleFolder(study.ensemble(family)), seed)
    study.leak_losses.write_text(json.dumps({"window": [0.7, 0.9], "episode": [0.4, 0.4]}))
    study.latency.write_text(json.dumps({"tiny_pi0": {"whole chunk": {"median_ms": 1.5, "p99_ms": 2.0, "n": 9}}}))
    return study


def _run(folder: EnsembleFolder, seed: int) -> None:
    events = [
        {"event": "run_started", "step": 0, "policy": {"parameters": 1234}, "machine": {"cpu": "a processor"}},
        {"event": "step", "step": 50, "loss": 0.5},
        {"event": "validation", "step": 50, "loss": 0.6, "action_error": 0.3},
        {"event": "step", "step": 100, "loss": 0.2},
        {"event": "validation", "step": 100, "loss": 0.4, "action_error": 0.1},
    ]
    folder.run(seed).path.mkdir(parents=True)
    folder.run(seed).events.write_text("".join(json.dumps(event) + "\n" for event in events))


def test_a_summary_counts_what_the_files_hold(study: PendulumStudy) -> None:
    summary = summarize_study(study, {"data": 2.0})
    first = summary["subjects"]["tiny_pi0"]["cells"][0]
    models = [made_up(GRID, study.evaluation_seeds(m), 0.9) for m in range(3)]
    assert first["success"]["k"] == sum(int(m.success[0].sum()) for m in models)
    assert first["success"]["n"] == 60
    assert first["velocity_sd"]["mean"] == pytest.approx(0.5)
    assert summary["subjects"]["pid"]["models"] == 1
    assert summary["subjects"]["pid"]["cells"][0]["success"]["n"] == 60
    overall = summary["differences"]["overall"]["success"]
    assert overall["difference"] == pytest.approx(overall["a"] - overall["b"])
    assert overall["paired"][0] > 0
    assert summary["training"]["tiny_pi0"] == summary["training"]["tiny_pi0_fast"]
    assert summary["training"]["tiny_pi0"]["held_out_loss"] == [0.4, 0.4, 0.4]
    assert json.loads(json.dumps(summary)) == summary


def test_one_family_alone_has_no_differences(study: PendulumStudy) -> None:
    from dataclasses import replace

    summary = summarize_study(replace(study, families=("tiny_pi0",), long=False, leak=False), {})
    assert summary["differences"] == {}
    study.summary.write_text(json.dumps(summary))
    page = write_pendulum_page(study.folder).read_text()
    assert "## Differences" not in page
    assert "tiny_pi0_fast" not in page


def test_trials_that_are_missing_are_named(study: PendulumStudy) -> None:
    study.trials("pid", "grid").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        summarize_study(study, {})


def test_the_page_has_every_chapter_and_its_pictures(study: PendulumStudy) -> None:
    summary = summarize_study(study, {"data": 2.0})
    study.summary.write_text(json.dumps(summary))
    page = write_pendulum_page(study.folder).read_text()
    for chapter in (
        "A, success",
        "B, convergence",
        "Against the ceiling",
        "Differences",
        "As samplers",
        "leaking split",
    ):
        assert f"{chapter}" in page
    assert "tiny_pi0 does so more often" in page
    cell = summary["subjects"]["tiny_pi0_fast"]["cells"][3]["success"]
    low, high = (100 * bound for bound in cell["interval"])
    assert f"{100 * cell['rate']:.1f} [{low:.1f}, {high:.1f}] ±{100 * cell['half_width']:.1f}" in page
    assert "a processor" in page
    named = {path.name for path in (study.folder / "plots").glob("*.png")}
    assert "1000 steps" in page
    assert "| a fifth of the windows | 0.4000 | 0.8000 |" in page
    assert {"success.png", "convergence.png", "differences.png", "survival.png", "long.png", "leak.png"} <= named
    html = (study.folder / "report.html").read_text()
    assert html.count("data:image/png;base64,") == len(named)
    assert (study.folder / "tables.md").read_text().count("| 0.05/15 |") >= 6
