"""The picture of success while training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_run import started, step, write_events
from understudy.core.run_folder import RunFolder
from understudy.report.events import read_history
from understudy.report.plots import write_plots
from understudy.report.success import write_success


def evaluation(number: int, successes: int, **more: Any) -> dict[str, Any]:
    return {
        "event": "evaluation",
        "step": number,
        "env": "so101/lift",
        "successes": successes,
        "n": 20,
        "success_rate": successes / 20,
        "interval": [max(0.0, successes / 20 - 0.2), min(1.0, successes / 20 + 0.2)],
        "confidence": 0.95,
        "progress_mean": 0.5,
        **more,
    }


def test_success_is_drawn_where_it_was_measured(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_events(run, [started(), step(1, 10), *(evaluation(100 * i, 4 * i) for i in range(1, 5))])
    assert run.plots / "success.png" in write_plots(run)
    assert (run.plots / "success.png").stat().st_size > 5000


def test_nothing_is_drawn_where_nothing_was_measured(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_events(run, [started(), step(1, 10)])
    assert write_success(read_history(run.events), tmp_path, "a run") is None


def test_of_an_evaluation_made_twice_the_later_one_counts(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    resumed = {"event": "run_resumed", "step": 100, "from_step": 100}
    write_events(run, [started(), evaluation(100, 3), evaluation(200, 9), resumed, evaluation(100, 5)])
    assert [(e["step"], e["successes"]) for e in read_history(run.events).evaluations] == [(100, 5)]
