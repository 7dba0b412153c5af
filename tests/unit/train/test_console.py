"""The console prints LeRobot's line, and compares held-out error with the baselines."""

from __future__ import annotations

import pytest

from understudy.train.console import Console, step_line, validation_line

STEP = {
    "event": "step",
    "time": 0.0,
    "step": 12_000,
    "loss": 0.1234,
    "l1_loss": 0.1,
    "kld_loss": 0.002,
    "grad_norm": 5.5,
    "clipped_fraction": 0.0,
    "lr": 1e-5,
    "lr_backbone": 1e-5,
    "update_s": 0.25,
    "data_s": 0.001,
    "samples": 96_000,
    "episodes": 400.0,
    "epochs": 6.05,
    "samples_per_s": 32.0,
}


def test_a_step_is_printed_as_lerobot_prints_it() -> None:
    line = step_line(STEP)
    assert line.startswith("INFO ")
    assert line.endswith(
        "step:12K smpl:96K ep:400 epch:6.05 loss:0.123 grdn:5.500 lr:1.0e-05 updt_s:0.250 data_s:0.001 "
        "l1_loss:0.100 kld_loss:0.002"
    )


def test_held_out_error_stands_beside_both_baselines() -> None:
    line = validation_line(
        {
            "step": 500,
            "loss": 0.4,
            "action_error": 0.31,
            "baselines": {"hold": 0.5, "mean": 0.9},
            "frames": 64,
            "episodes": [3, 9],
        }
    )
    assert "action error 0.3100" in line
    assert "hold the last action 0.5000, mean action 0.9000" in line
    assert "64 frames of 2 episodes" in line


def test_after_a_few_steps_there_is_a_forecast_of_time_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(total_steps=100, start_step=10)
    for step in range(11, 20):
        console.tick(step)
    console.close()
    said = capsys.readouterr().out
    assert said.count("forecast") == 1
    assert "s a step" in said
    assert "memory now" in said
