"""What trains, measures, watches and reports knows policies by what they say of themselves, never by name."""

from __future__ import annotations

from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/understudy"
ROOMS = ("cli", "data", "diagnose", "envs", "evaluate", "record", "report", "rollout", "studies", "studio", "train")


@pytest.mark.parametrize("room", ROOMS)
def test_no_line_knows_of_smolvla(room: str) -> None:
    files = list((SOURCE / room).rglob("*.py"))
    assert files
    assert not [path.name for path in files if "smolvla" in path.read_text().lower()]
