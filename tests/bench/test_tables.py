"""Tables and ratios from a result document: right numbers, and nothing hidden that failed or is missing."""

from __future__ import annotations

from typing import Any

import pytest

from tables import best_workers, busiest, data_path_table, ratios, side_by_side_tables, start_up_table, steps_per_second

NAME = "camera_96x96_10x200_av1"
PACE = {"low_s": 1.0, "high_s": 3.0, "outside_s": 2.0, "data_share": 0.25}
MEMORY = {"rss": 2_000_000_000, "pss": 1_500_000_000, "without_files": None}


def run(
    side: str, number: int, step_s: float | None = 2.0, workers: int = 0, first_time: bool = False
) -> dict[str, Any]:
    variant = {"side": side, "workers": workers, "first_time": first_time}
    key = {"benchmark": "side_by_side", "recording": NAME, "variant": variant, "round": number}
    pace = {} if step_s is None else {"pace": {"step_s": step_s, **PACE}}
    return {"key": key, "first_step_s": 10.0, "memory": MEMORY, **pace}


def failed(side: str, number: int) -> dict[str, Any]:
    return {"key": run(side, number)["key"], "failed": "exit code 1: out of luck"}


def cells(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_ratio_is_taken_within_each_round_that_both_have() -> None:
    ours = {0: run("understudy", 0, 1.0), 1: run("understudy", 1, 2.0), 2: run("understudy", 2, 1.0)}
    theirs = {0: run("lerobot", 0, 2.0), 1: run("lerobot", 1, 6.0)}
    assert ratios(ours, theirs, steps_per_second, ours_first=True) == [2.0, 3.0]
    assert ratios(ours, theirs, steps_per_second, ours_first=False) == [0.5, pytest.approx(1 / 3)]


def test_the_table_shows_medians_with_least_and_greatest() -> None:
    times = [1.0, 4.0, 2.0]
    records = [run("understudy", i, step_s) for i, step_s in enumerate(times)]
    records += [run("lerobot", i, 4.0) for i in range(3)]
    text = side_by_side_tables({"records": records}, NAME)
    assert cells(text, "seconds per step, median") == ["4.000 (4.000–4.000)", "2.000 (1.000–4.000)"]
    assert cells(text, "steps per second: Understudy / LeRobot") == ["2.00 (1.00–4.00)"]
    assert cells(text, "of that, not mapped from files, GB") == ["—", "—"]


def test_the_new_dataset_counts_for_the_launch_alone() -> None:
    records = [run("lerobot", 0), run("understudy", 0), run("understudy", 0, None, first_time=True)]
    text = side_by_side_tables({"records": records}, NAME)
    assert cells(text, "seconds per step, median") == ["2.000", "2.000", "—"]
    assert cells(text, "launch to first step: LeRobot / Understudy, new dataset") == ["1.00"]


def test_lerobots_best_number_of_workers_is_that_of_its_median() -> None:
    records = [run("lerobot", 0, 1.0, workers=0), run("lerobot", 1, 5.0, workers=0), run("lerobot", 2, 5.0, workers=0)]
    records += [run("lerobot", number, 3.0, workers=4) for number in range(3)]
    assert best_workers(records) == 4
    assert best_workers([run("understudy", 0)]) is None


def test_a_failed_run_is_named_with_its_reason() -> None:
    text = side_by_side_tables({"records": [run("understudy", 0), failed("lerobot", 0)]}, NAME)
    assert "no measurement of LeRobot" in text
    assert "Failed: LeRobot, 0 workers, round 1: exit code 1: out of luck" in text


def test_without_any_good_run_there_is_no_table_but_the_failures() -> None:
    text = side_by_side_tables({"records": [failed("understudy", 0)]}, NAME)
    assert "|" not in text
    assert "Failed: Understudy, round 1" in text


def test_the_small_tables_show_figures_and_failures() -> None:
    start = {"key": {"benchmark": "start_up", "command": "x --help"}, "seconds": [0.3, 0.1, 0.2]}
    broken = {"key": {"benchmark": "start_up", "command": "y"}, "failed": "not installed"}
    text = start_up_table({"records": [start, broken]})
    assert cells(text, "`x --help`") == ["0.200 (0.100–0.300)", "3"]
    assert cells(text, "`y`") == ["not installed", "0"]
    key = {"benchmark": "data_path", "recording": NAME, "part": "Understudy"}
    part = {"key": key, "figures": {"a": 1234.5}}
    gone = {"key": {**key, "part": "LeRobot, 2 workers"}, "failed": "not there"}
    text = data_path_table({"records": [part, gone]})
    assert cells(text, "a") == ["1,234"]
    assert "Failed: LeRobot, 2 workers" in text


def test_the_busiest_moment_is_told() -> None:
    assert busiest({"records": [{"cpu_busy_before_percent": 3.0}, {}, {"cpu_busy_before_percent": 9.0}]}) == 9.0
    assert busiest({"records": []}) == 0.0
