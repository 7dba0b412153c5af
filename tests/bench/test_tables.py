"""The small tables of a result document: right numbers, and nothing hidden that failed or is missing."""

from __future__ import annotations

from tables import busiest, data_path_table, start_up_table

NAME = "camera_96x96_10x200_av1"


def cells(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


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
