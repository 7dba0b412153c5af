from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from PIL import Image

from fake_run import started, step, telemetry, validation, write_evaluation, write_events, write_run
from understudy.core.run_folder import RunFolder
from understudy.report.plots import write_plots


@pytest.fixture(autouse=True)
def warnings_are_errors() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def names(paths: list[Path]) -> set[str]:
    return {path.name for path in paths}


def test_a_run_with_everything_gets_every_picture(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", steps=100, logged_every=10)
    write_evaluation(run)
    written = write_plots(run)
    assert names(written) == {
        "overall_loss.png", "l1_loss.png", "kld_loss.png", "validation.png", "lr.png", "grad_norm.png",
        "throughput.png", "gpu_power.png", "gpu_temperature.png", "cpu.png", "memory.png",
        "error_by_step.png", "actions_predicted.png",
    }  # fmt: skip
    for path in written:
        assert path.parent == run.plots
        with Image.open(path) as picture:
            assert len(picture.convert("L").getcolors(1 << 20) or []) > 10, f"{path.name} shows nothing"


def test_nothing_is_drawn_of_a_run_that_logged_nothing(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    write_events(run, [started()])
    assert write_plots(run) == []
    assert not run.plots.exists()


def test_a_single_point_is_enough_for_a_picture(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    write_events(run, [started(), step(1, 10), validation(1, 10)])
    assert {"overall_loss.png", "validation.png", "lr.png"} <= names(write_plots(run))


def test_losses_that_are_not_finite_do_not_stop_the_drawing(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    bad = {**step(20, 40), "loss": "NaN", "grad_norm": "Infinity"}
    write_events(run, [started(), step(10, 40), bad, {**validation(20, 40), "action_error": "NaN"}])
    assert {"overall_loss.png", "grad_norm.png", "validation.png"} <= names(write_plots(run))


def test_every_loss_that_a_policy_names_has_its_picture(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    write_events(run, [started(), {"event": "step", "step": 1, "loss": 1.0, "flow_loss": 2.0}])
    assert {"overall_loss.png", "flow_loss.png"} <= names(write_plots(run))


def test_long_runs_are_drawn_too(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    write_events(run, [started(), *(step(n, 400) for n in range(1, 401)), *(telemetry(n) for n in range(100))])
    assert "overall_loss.png" in names(write_plots(run))


def test_the_newest_evaluation_is_the_one_that_is_drawn(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", steps=10, logged_every=5)
    write_evaluation(run, "first", joints=2)
    write_plots(run)
    with Image.open(run.plots / "actions_predicted.png") as picture:
        small = picture.height
    write_evaluation(run, "second", joints=6)
    write_plots(run)
    with Image.open(run.plots / "actions_predicted.png") as picture:
        assert picture.height > small


def test_a_humanoid_with_many_joints_fits_on_one_picture(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    write_evaluation(run, joints=44, length=30)
    written = write_plots(run)
    assert names(written) == {"error_by_step.png", "actions_predicted.png"}
    with Image.open(run.plots / "actions_predicted.png") as picture:
        assert picture.height < 2000
