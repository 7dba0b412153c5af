"""The tables of SmolVLA's training: ratios within a round, when keeping has paid, and a page that quotes its file."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from result_file import FOLDER
from smolvla_tables import BEGIN, BENCHMARK, PAGE, epochs_to_pay, measured, ratios, rounds_of, smolvla_tables
from speed_page import END

KEY = {"benchmark": BENCHMARK, "cameras": 2, "pixels": 256, "threads": 2, "device": "cpu"}
MEMORY = {"rss": 4e9, "without_files": 3e9}


def record(side: str, setting: str, number: int, *seconds: float, **more: Any) -> dict[str, Any]:
    key = {**KEY, "side": side, "setting": setting, "batch": 4, "round": number}
    return {"key": key, "step_s": list(seconds), "step_cpu_s": [2 * s for s in seconds], **MEMORY, **more}


def document() -> dict[str, Any]:
    kept = {"build_s_per_frame": 3.0, "bytes_per_frame": 5_000_000}
    records = [
        record("lerobot", "fp32", 0, 10.0, 12.0, 50.0),
        record("lerobot", "fp32", 1, 20.0),
        record("understudy", "fp32-off", 0, 8.0),
        record("understudy", "fp32-memory", 0, 2.0, **kept),
        record("understudy", "fp32-memory", 1, 4.0, **kept),
        {"key": {**KEY, "side": "lerobot", "setting": "bf16", "batch": 4, "round": 0}, "failed": "exit code 1: no"},
    ]
    return {"machine": {}, "records": records}


def test_ratios_are_those_of_medians_within_a_round() -> None:
    columns = rounds_of(document(), 4)
    assert ratios(columns["lerobot", "fp32"], columns["understudy", "fp32-memory"]) == [6.0, 5.0]


def test_keeping_has_paid_when_the_seconds_saved_of_a_frame_are_those_it_took_to_compute() -> None:
    columns = rounds_of(document(), 4)
    plain, kept = columns["understudy", "fp32-off"], columns["understudy", "fp32-memory"]
    # six seconds saved of four frames, and three to compute one; the second round has nothing to compare with
    assert epochs_to_pay(plain, kept, 4) == [2.0]
    assert epochs_to_pay(kept, plain | {0: {**plain[0], "build_s_per_frame": 1.0}}, 4) == [float("inf")]


def test_the_tables_name_every_contestant_and_what_failed() -> None:
    text = smolvla_tables(document())
    seconds = "3.00 (2.00–4.00) | 5.50 (5.00–6.00)x | 6.00 (4.00–8.00)"
    assert f"| Understudy fp32, memory kept | 2 | {seconds} |" in text
    assert "| Understudy fp32, memory kept | 4.00 (4.00–4.00) | 3.00 (3.00–3.00) |" in text
    assert "| fp32, memory kept | 3.00 (3.00–3.00) | 5.00 | 2.00 |" in text
    assert "Failed: LeRobot bf16 autocast, batch 4: exit code 1: no" in text


def test_the_page_quotes_its_result_file_to_the_letter() -> None:
    shown = PAGE.read_text().split(BEGIN)[1].split(END)[0].strip()
    named = re.search(r"`benchmarks/results/([^`]+\.json)`", shown)
    if named is None:
        pytest.skip("the page quotes no measurement yet")
    assert shown == measured(json.loads((FOLDER / named[1]).read_text()), named[1])
