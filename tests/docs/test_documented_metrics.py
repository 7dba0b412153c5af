"""The guide to the numbers names each as the trackers have it, and leaves none of a training step out."""

from __future__ import annotations

import re

from documentation import ROOT
from understudy.core.event_keys import KEYS

PAGE = (ROOT / "docs/guides/reading-a-run.md").read_text()
# what a tracker calls the numbers of an event
GROUPS = {"train": "step", "validation": "validation", "evaluation": "evaluation", "telemetry": "telemetry"}
ROWS = [row.strip().strip("|").split("|") for row in PAGE.splitlines() if row.startswith("| ")]
OURS = {name for row in ROWS if len(row) == 4 for name in re.findall(r"`(\w+/[\w/<>]+)`", row[2])}


def test_every_name_that_the_guide_has_for_ours_is_one() -> None:
    assert len(OURS) > 15
    for name in OURS:
        group, key = name.split("/")[:2]
        known = [re.sub(r"<\w+>", r"\\w+", known) for known in KEYS[GROUPS[group]].keys]
        assert any(re.fullmatch(pattern, key) for pattern in known), name


def test_the_guide_explains_every_number_of_a_training_step() -> None:
    missing = [key for key in KEYS["step"].keys if "<" not in key and f"train/{key}" not in OURS]
    assert missing == []
