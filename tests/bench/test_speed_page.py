"""The page about speed: only its measured part is written, and it says what its result file says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from result_file import FOLDER
from speed_page import BEGIN, END, PAGE, measured, write_page

VERSIONS = {"cpu": "x", "cores": 2, "memory_bytes": 2**33, "torch": "2", "python": "3", "versions": {}, "lerobot": None}


def document(*codes: str) -> dict[str, Any]:
    keys = [
        {"benchmark": "start_up", "command": "a"},
        {"benchmark": "data_path", "recording": "camera_1x1_1x1_av1", "part": "p"},
    ]
    records = [{"key": k, "seconds": [0.2], "at": "2026-01-31 12:00:00"} for k in keys]
    records = [{**record, "code": code} for record, code in zip(records, codes, strict=False)]
    return {"machine": {**VERSIONS, "bf16_instructions": []}, "records": records}


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(f"# words\n\n{BEGIN}\nold\n{END}\n\nmore words\n")
    write_page(document("abc"), "r.json", page)
    text = page.read_text()
    assert text.startswith(f"# words\n\n{BEGIN}\n\n")
    assert text.endswith(f"{END}\n\nmore words\n")
    assert "old" not in text
    assert "benchmarks/results/r.json" in text


def test_it_says_which_state_of_the_source_each_part_is_of() -> None:
    assert "source state `abc`;" in measured(document("abc", "abc"), "r.json")
    assert "source states `abc` (start_up) and `def` (data_path);" in measured(document("abc", "def"), "r.json")


def test_the_page_quotes_its_result_file_to_the_letter() -> None:
    shown = PAGE.read_text().split(BEGIN)[1].split(END)[0].strip()
    named = re.search(r"`benchmarks/results/([^`]+\.json)`", shown)
    if named is None:
        pytest.skip("the page quotes no measurement yet")
    assert shown == measured(json.loads((FOLDER / named[1]).read_text()), named[1])
