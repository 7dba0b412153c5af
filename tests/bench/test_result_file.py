"""Measurements survive an interruption, failed ones are repeated; another machine or source is kept apart."""

from __future__ import annotations

import json
from pathlib import Path

from result_file import ResultFile

HEADER = {"machine": {"cpu": "x"}}
KEY = {"benchmark": "b", "round": 0}


def test_every_measurement_is_on_the_disk_at_once_and_found_again(tmp_path: Path) -> None:
    results = ResultFile(tmp_path / "r.json", HEADER, "abc")
    assert results.find(KEY) is None
    results.add(KEY, {"seconds": 1.5})
    again = ResultFile(tmp_path / "r.json", HEADER, "abc").find(dict(reversed(KEY.items())))
    assert again is not None
    assert again["seconds"] == 1.5


def test_a_failed_measurement_is_not_found_and_is_replaced_by_the_next(tmp_path: Path) -> None:
    results = ResultFile(tmp_path / "r.json", HEADER, "abc")
    results.add(KEY, {"failed": "why"})
    assert results.find(KEY) is None
    results.add(KEY, {"seconds": 1.0})
    records = json.loads((tmp_path / "r.json").read_text())["records"]
    assert [record.get("seconds") for record in records] == [1.0]


def test_another_machine_begins_anew_and_keeps_the_old_file(tmp_path: Path) -> None:
    ResultFile(tmp_path / "r.json", HEADER, "abc").add(KEY, {"seconds": 1.0})
    changed = ResultFile(tmp_path / "r.json", {"machine": {"cpu": "y"}}, "abc")
    assert changed.find(KEY) is None
    changed.add(KEY, {"seconds": 2.0})
    kept = json.loads((tmp_path / "r.old-1").read_text())
    assert kept["records"][0]["seconds"] == 1.0


def test_a_part_measured_again_in_another_state_replaces_its_own_records_alone(tmp_path: Path) -> None:
    older = ResultFile(tmp_path / "r.json", HEADER, "abc")
    for name, recording in (("a", "small"), ("a", "large"), ("b", "small")):
        older.add({"benchmark": name, "recording": recording}, {"seconds": 1.0})
    results = ResultFile(tmp_path / "r.json", HEADER, "def")
    key = {"benchmark": "a", "recording": "small"}
    assert results.find(key) is None
    results.begin("a", "small")
    results.add(key, {"seconds": 2.0})
    kept = [(r["key"]["benchmark"], r["key"]["recording"], r["code"]) for r in results.document["records"]]
    assert kept == [("a", "large", "abc"), ("b", "small", "abc"), ("a", "small", "def")]
    assert results.find(key)
    assert results.find({"benchmark": "b", "recording": "small"}) is None


def test_a_part_can_be_forgotten(tmp_path: Path) -> None:
    results = ResultFile(tmp_path / "r.json", HEADER, "abc")
    for name in "ab":
        results.add({"benchmark": name}, {"seconds": 1.0})
    results.forget(["a"])
    again = ResultFile(tmp_path / "r.json", HEADER, "abc")
    assert [record["key"]["benchmark"] for record in again.document["records"]] == ["b"]
