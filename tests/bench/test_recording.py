"""The table of the recording benchmark shows where the processor's time went."""

from __future__ import annotations

from pathlib import Path

from recording import row
from understudy.data.recording import Recording
from understudy.record.run import Recorded


def test_a_line_tells_what_is_left_for_the_physics() -> None:
    recording = Recording({}, {}, {}, {}, {}, seeds=(0, 1), attempts=())
    seconds = {"all": 10.0, "drawing": 6.0, "encoding": 1.0, "joining": 0.25, "attempts": 7.0}
    line = row("so101/lift", 96, Recorded(Path("x"), recording, 200, seconds), 8.0)
    assert line == "| so101/lift | 96x96 | 2 | 200 | 8.0 | 10.0 | 30% | 60% | 10% | 0.2 |"
