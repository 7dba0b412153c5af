"""Training side by side: ratios within a round, each program's best, and nothing hidden that failed or is missing."""

from __future__ import annotations

from typing import Any

import pytest

from training_tables import fastest, ratios, runs_of, steps_per_second, training_tables

NAME = "camera_96x96_10x200_av1"
PACE = {"low_s": 1.0, "high_s": 3.0, "outside_s": 2.0, "data_share": 0.25}
MEMORY = {"rss": 2_000_000_000, "pss": 1_500_000_000, "without_files": None}


def run(
    side: str, number: int, step_s: float | None = 2.0, setting: str = "fp32", workers: int = 0, first: bool = False
) -> dict[str, Any]:
    variant = {"side": side, "setting": setting, "flags": [], "workers": workers, "first_time": first}
    key = {"benchmark": "side_by_side", "recording": NAME, "variant": variant, "round": number}
    pace = {} if step_s is None else {"pace": {"step_s": step_s, **PACE}}
    return {"key": key, "first_step_s": 10.0, "memory": MEMORY, **pace}


def failed(side: str, number: int) -> dict[str, Any]:
    return {"key": run(side, number)["key"], "failed": "exit code 1: out of luck"}


def cells(text: str, label: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith(f"| {label} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in lines]


def test_a_ratio_is_taken_within_each_round_that_both_have() -> None:
    ours = {0: run("understudy", 0, 1.0), 1: run("understudy", 1, 2.0), 2: run("understudy", 2, 1.0)}
    theirs = {0: run("lerobot", 0, 2.0), 1: run("lerobot", 1, 6.0)}
    assert ratios(ours, theirs, steps_per_second, ours_first=True) == [2.0, 3.0]
    assert ratios(ours, theirs, steps_per_second, ours_first=False) == [0.5, pytest.approx(1 / 3)]


def test_the_table_shows_medians_with_least_and_greatest() -> None:
    times = [1.0, 4.0, 2.0]
    records = [run("understudy", i, step_s) for i, step_s in enumerate(times)]
    records += [run("lerobot", i, 4.0) for i in range(3)]
    text = training_tables({"records": records}, NAME)
    assert cells(text, "seconds per step, median") == [["4.000 (4.000–4.000)", "2.000 (1.000–4.000)"]]
    assert cells(text, "steps per second: Understudy / LeRobot") == [["2.00 (1.00–4.00)"]]
    assert cells(text, "of that, not mapped from files, GB") == [["—", "—"]]


def test_equal_precision_and_each_as_it_comes_are_compared_apart() -> None:
    records = [run("lerobot", 0, 4.0), run("lerobot", 0, 3.0, "bf16")]
    records += [run("understudy", 0, 2.0), run("understudy", 0, 1.0, "default")]
    text = training_tables({"records": records}, NAME)
    assert cells(text, "steps per second: Understudy / LeRobot") == [["2.00"], ["3.00", "4.00"]]
    assert "| Understudy as it comes, round by round | LeRobot bf16, 0 workers (its best) |" in text


def test_the_new_dataset_counts_for_the_launch_alone() -> None:
    records = [run("lerobot", 0), run("understudy", 0, 2.0, "default")]
    records.append(run("understudy", 0, None, "default", first=True))
    text = training_tables({"records": records}, NAME)
    assert cells(text, "seconds per step, median") == [["2.000", "2.000", "—"]]
    assert cells(text, "launch to first step: LeRobot / Understudy, new dataset") == [["1.00"]]


def test_the_share_of_the_peak_counts_the_same_arithmetic_for_everybody() -> None:
    limits = {"key": {"benchmark": "machine_limits"}, "peak": {"fp32": 100e9, "bf16": 270e9}}
    text = training_tables({"records": [limits, run("lerobot", 0, 4.0), run("understudy", 0, 1.0, "default")]}, NAME)
    assert cells(text, "the step's arithmetic, % of the machine's matmul peak") == [["13", "50"]]


def test_further_settings_stand_beside_the_default() -> None:
    records = [run("understudy", 0, 3.0, "plain"), run("understudy", 0, 1.5, "default")]
    assert cells(training_tables({"records": records}, NAME), "steps per second: default / this") == [["2.00"]]


def test_the_best_variant_is_that_of_the_least_median() -> None:
    records = [run("lerobot", 0, 1.0, workers=0), run("lerobot", 1, 5.0, workers=0), run("lerobot", 2, 5.0, workers=0)]
    records += [run("lerobot", number, 3.0, workers=4) for number in range(3)]
    runs = runs_of({"records": records}, NAME)
    best = fastest(runs, runs)
    assert best is not None
    assert best.workers == 4
    assert fastest(runs, []) is None


def test_a_failed_run_is_named_with_its_reason() -> None:
    text = training_tables({"records": [run("understudy", 0), failed("lerobot", 0)]}, NAME)
    assert "no measurement of LeRobot" in text
    assert "Failed: LeRobot fp32, 0 workers, round 1: exit code 1: out of luck" in text


def test_without_any_good_run_there_is_no_table_but_the_failures() -> None:
    text = training_tables({"records": [failed("understudy", 0)]}, NAME)
    assert "|" not in text
    assert "Failed: Understudy fp32, round 1" in text
