"""The pictures of an ensemble: which are drawn, and of which steps the mean is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fake_run import started, step, validation, write_events
from understudy.core.run_folder import RunFolder
from understudy.report.ensemble import at_shared_steps, write_ensemble_plots


def a_run(folder: Path, *, success: bool = False) -> RunFolder:
    run = RunFolder(folder)
    events = [started(), *(step(i, 50) for i in range(1, 51)), *(validation(i, 50) for i in (10, 20, 50))]
    if success:
        events += [{"event": "evaluation", "step": 50, "success_rate": 0.5, "successes": 10, "n": 20}]
    write_events(run, events)
    return run


def test_each_measure_is_drawn_with_its_spread(tmp_path: Path) -> None:
    runs = {seed: a_run(tmp_path / str(seed), success=True) for seed in (1, 2, 3)}
    written = write_ensemble_plots(runs, tmp_path / "plots", "act on banana")
    assert [path.name for path in written] == ["overall_loss.png", "validation.png", "success.png"]
    assert all(path.stat().st_size > 5000 for path in written)


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    written = write_ensemble_plots({1: a_run(tmp_path / "1")}, tmp_path / "plots", "act on banana")
    assert [path.name for path in written] == ["overall_loss.png", "validation.png"]


def test_the_mean_is_taken_of_steps_that_every_seed_has() -> None:
    curves = [
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, np.nan, 3.0])),
        (np.array([1.0, 2.0, 3.0, 4.0]), np.array([5.0, 6.0, 7.0, 8.0])),
    ]
    steps, table = at_shared_steps(curves)
    assert steps.tolist() == [1, 3]
    assert table.tolist() == [[1, 3], [5, 7]]
