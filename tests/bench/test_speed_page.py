"""The page about speed: only its measured part is written, and it says what its result file says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from result_file import FOLDER
from speed_page import BEGIN, END, PAGE, aims_table, measured, write_page

VERSIONS = {"cpu": "x", "cores": 2, "memory_bytes": 2**33, "torch": "2", "python": "3", "versions": {}, "lerobot": None}


def document(gather_percent: float) -> dict[str, object]:
    key = {"benchmark": "data_path", "recording": "r", "part": "Understudy", "threads": 2}
    figures = {"gathering, % of a training step": gather_percent}
    start: dict[str, object] = {
        "key": {"benchmark": "start_up", "command": "understudy --help"},
        "seconds": [0.2, 0.9, 0.3],
    }
    records: list[dict[str, object]] = [{"key": key, "figures": figures}, start]
    return {"machine": VERSIONS, "code": "abc", "records": [{"at": "2026-01-31 12:00:00", **r} for r in records]}


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(f"# words\n\n{BEGIN}\nold\n{END}\n\nmore words\n")
    write_page(document(0.5), "r.json", page)
    text = page.read_text()
    assert text.startswith(f"# words\n\n{BEGIN}\n\n")
    assert text.endswith(f"{END}\n\nmore words\n")
    assert "old" not in text
    assert "benchmarks/results/r.json" in text


def test_an_aim_that_is_missed_is_said_to_be() -> None:
    assert "| met |" in aims_table(document(4.9))
    assert "MISSED" not in aims_table(document(4.9))
    assert re.search(r"training step.*\| below 5 \| 5\.100 \| MISSED \|", aims_table(document(5.1)))
    assert "| `understudy --help`, s | below 0.5 | 0.300 | met |" in aims_table(document(1.0))


def test_the_page_quotes_its_result_file_to_the_letter() -> None:
    shown = PAGE.read_text().split(BEGIN)[1].split(END)[0].strip()
    named = re.search(r"`benchmarks/results/([^`]+\.json)`", shown)
    if named is None:
        pytest.skip("the page quotes no measurement yet")
    assert shown == measured(json.loads((FOLDER / named[1]).read_text()), named[1])
