"""Whatever the doctor is pointed at, it answers: with findings, or with words about what is wrong with the target."""

from __future__ import annotations

from pathlib import Path

import pytest

from make_dataset import make_dataset
from understudy.core.errors import DataError
from understudy.diagnose.target import diagnose


def test_a_run_whose_events_make_no_sense_breaks_no_rule(tmp_path: Path) -> None:
    (tmp_path / "train_config.json").write_text('{"policy": 5, "optimizer": [], "steps": "many"}')
    (tmp_path / "events.jsonl").write_text(
        '{"event": "run_started", "step": 0, "dataset": 5, "machine": [1]}\n[1]\nno JSON\n'
        '{"event": "step", "step": "x", "loss": {"a": 1}}\n{"event": "validation"}\n'
        '{"event": "step", "step": 1, "loss": 2}\n'
    )
    assert diagnose(tmp_path).kind == "run"


def test_a_dataset_whose_video_is_cut_off_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", episodes=3, frames=8)
    video = sorted(dataset.rglob("*.mp4"))[0]
    video.write_bytes(video.read_bytes()[:200])
    found = diagnose(dataset)
    assert [(f.rule, f.severity) for f in found.findings] == [("readable", "error")]
    assert video.name in found.findings[0].message and found.findings[0].remedy


def test_what_holds_nothing_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(b"\x00\xff" * 500)
    for name in ("folder", "empty", "binary", "absent"):
        with pytest.raises(DataError):
            diagnose(tmp_path / name)
