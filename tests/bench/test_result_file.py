"""Measurements survive an interruption, failed ones are repeated, and another machine or source begins anew."""

from __future__ import annotations

import json
from pathlib import Path

from result_file import ResultFile

HEADER = {"machine": {"cpu": "x"}, "code": "abc"}
KEY = {"benchmark": "b", "round": 0}


def test_every_measurement_is_on_the_disk_at_once_and_found_again(tmp_path: Path) -> None:
    results = ResultFile(tmp_path / "r.json", HEADER)
    assert results.find(KEY) is None
    results.add(KEY, {"seconds": 1.5})
    again = ResultFile(tmp_path / "r.json", HEADER).find(dict(reversed(KEY.items())))
    assert again is not None
    assert again["seconds"] == 1.5


def test_a_failed_measurement_is_not_found_and_is_replaced_by_the_next(tmp_path: Path) -> None:
    results = ResultFile(tmp_path / "r.json", HEADER)
    results.add(KEY, {"failed": "why"})
    assert results.find(KEY) is None
    results.add(KEY, {"seconds": 1.0})
    records = json.loads((tmp_path / "r.json").read_text())["records"]
    assert [record.get("seconds") for record in records] == [1.0]


def test_another_state_of_the_source_begins_anew_and_keeps_the_old_file(tmp_path: Path) -> None:
    ResultFile(tmp_path / "r.json", HEADER).add(KEY, {"seconds": 1.0})
    changed = ResultFile(tmp_path / "r.json", {**HEADER, "code": "def"})
    assert changed.find(KEY) is None
    changed.add(KEY, {"seconds": 2.0})
    kept = json.loads((tmp_path / "r.old-1").read_text())
    assert kept["records"][0]["seconds"] == 1.0
