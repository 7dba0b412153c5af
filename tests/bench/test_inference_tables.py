"""Inference: pooled percentiles, ratios within a round, and a drive in which late actions are counted."""

from __future__ import annotations

import time
from typing import Any

from inference_tables import columns_of, inference_tables, late_percent, speed_ups
from inference_timing import RATE_HZ, Observation, drive, observations


def run(side: str, setting: str, number: int, *milliseconds: float) -> Any:
    key = {"benchmark": "inference", "size": "96x96", "side": side, "setting": setting, "round": number}
    return {
        "key": key,
        "predict_s": [m / 1000 for m in milliseconds],
        "act_s": [0.05, 0.001, 0.001, 0.001],
        "late_s": [0.017, 0.0, 0.0, 0.0],
    }


def cells(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_percentiles_are_over_the_predictions_of_all_rounds() -> None:
    records = [run("understudy", "default", 0, 10, 20), run("understudy", "default", 1, 30)]
    text = inference_tables({"records": records})
    assert cells(text, "a prediction, ms, median") == ["20.0"]
    assert cells(text, "a prediction, ms, 99th percentile") == ["29.8"]
    assert cells(text, "predictions timed") == ["3"]
    assert cells(text, "at 30 Hz: control steps over 33 ms, %") == ["25.0"]


def test_ratios_are_taken_within_a_round() -> None:
    records = [run("lerobot", "fp32", 0, 40), run("understudy", "default", 0, 10)]
    records += [run("lerobot", "fp32", 1, 90), run("understudy", "default", 1, 30), run("lerobot", "fp32", 2, 1)]
    columns = columns_of({"records": records}, "96x96")
    assert speed_ups(columns, ("understudy", "default"), ("lerobot", "fp32")) == [4.0, 3.0]
    assert late_percent(columns["understudy", "default"]) == 25.0


def test_a_failed_run_is_named() -> None:
    broken = {"key": run("lerobot", "fp32", 0)["key"], "failed": "not installed"}
    assert inference_tables({"records": [broken]}) == "Failed: LeRobot fp32, 96x96: not installed"


def test_an_action_is_late_by_what_it_took_beyond_its_tick() -> None:
    asked: list[Observation] = []

    def act(observation: Observation) -> None:
        if not asked:
            time.sleep(3 / RATE_HZ)
        asked.append(observation)

    seconds, late = drive(act, observations(4, 6, count=2), steps=4)
    assert len(seconds) == len(late) == len(asked) == 4
    assert late[0] >= 2 / RATE_HZ
    assert seconds[0] >= 3 / RATE_HZ


def test_a_robot_sees_six_joints_and_a_picture() -> None:
    (seen,) = observations(4, 6, count=1)
    assert {name: (value.shape, str(value.dtype)) for name, value in seen.items()} == {
        "observation.state": ((6,), "float32"),
        "observation.images.front": ((4, 6, 3), "uint8"),
    }
