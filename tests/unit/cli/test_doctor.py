"""understudy doctor: what it tells of datasets, runs and logs, and how it answers what is none of these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from make_dataset import make_dataset
from understudy.cli import installation
from understudy.cli.doctor import run
from understudy.core import log
from understudy.core.errors import ConfigError, DataError
from understudy.diagnose.finding import Finding

LINE = "INFO 2025-07-16 20:35:31 ts/train.py:232 step:{step} loss:0.05 grdn:2.0 lr:1.0e-05 updt_s:0.05 data_s:{wait}\n"


@pytest.fixture(autouse=True)
def on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_to_stderr", False)


@pytest.fixture
def starved(tmp_path: Path) -> Path:
    path = tmp_path / "train.log"
    path.write_text("".join(LINE.format(step=200 * i, wait=0.2) for i in range(1, 11)))
    return path


def document(words: list[str], capsys: pytest.CaptureFixture[str], exit_code: int) -> dict[str, Any]:
    assert run([*words, "--json"]) == exit_code
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_a_log_with_a_grave_fault_is_told_in_words_and_gives_exit_code_1(
    starved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(starved)]) == 1
    said = capsys.readouterr().out
    assert "log " in said and "(10 of 10 lines with numbers understood)" in said
    assert "ERROR    80% of a step is spent waiting for data" in said and "-> decode the frames once" in said


def test_the_document_of_a_log_has_the_keys_of_the_contract(starved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document([str(starved)], capsys, exit_code=1)
    assert (found["kind"], found["events_parsed"], found["target"]) == ("log", 10, str(starved))
    assert set(found["findings"][0]) == {"rule", "severity", "message", "episodes", "frames", "evidence", "remedy"}
    assert [finding["severity"] for finding in found["findings"]] == ["error", "note"]


def test_a_dataset_is_looked_at_and_its_pictures_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    dataset, sheet = make_dataset(tmp_path / "set", episodes=3, frames=8), tmp_path / "sheet.png"
    run([str(dataset), f"--contact_sheet={sheet}"])
    assert "dataset " in capsys.readouterr().out
    with Image.open(sheet) as picture:
        assert picture.width > 1000 and picture.height > 100
    with pytest.raises(ConfigError, match="the contact sheet is there already"):
        run([str(dataset), f"--contact_sheet={sheet}"])


def test_a_dataset_that_cannot_be_read_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = make_dataset(tmp_path / "set", episodes=3, frames=8)
    next(dataset.rglob("*.parquet")).write_bytes(b"PAR1 and then nothing")
    found = document([str(dataset)], capsys, exit_code=1)
    assert [finding["rule"] for finding in found["findings"]] == ["readable"]
    assert ".parquet" in found["findings"][0]["message"]


def test_without_pictures_a_dataset_is_judged_by_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset(tmp_path / "set", episodes=3, frames=8)
    for video in dataset.rglob("*.mp4"):
        video.write_bytes(b"no video at all")
    found = document([str(dataset), "--pictures=false"], capsys, exit_code=0)
    assert "too_few_demonstrations" in [finding["rule"] for finding in found["findings"]]


def test_a_run_of_ours_is_read_from_its_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [{"event": "step", "step": 100 * i, "loss": 1 / i, "data_s": 0.0, "update_s": 1.0} for i in range(1, 9)]
    events.append({"event": "validation", "step": 800, "action_error": 0.5})
    (tmp_path / "events.jsonl").write_text("".join(json.dumps({"time": 0.0, **event}) + "\n" for event in events))
    found = document([str(tmp_path)], capsys, exit_code=0)
    assert (found["kind"], found["findings"], found["events_parsed"]) == ("run", [], 9)
    assert document([str(tmp_path / "events.jsonl")], capsys, exit_code=0)["kind"] == "run"


@pytest.mark.parametrize("name", ["nothing/is/here", "/nothing/is/here", "nothing"])
def test_what_is_not_there_is_named(name: str) -> None:
    with pytest.raises(DataError, match="there is nothing to look at"):
        run([name])


def test_a_contact_sheet_needs_a_dataset(starved: Path, tmp_path: Path) -> None:
    for words in ([], [str(starved)]):
        with pytest.raises(ConfigError) as caught:
            run([*words, f"--contact_sheet={tmp_path / 'sheet.png'}"])
        assert caught.value.where == "--contact_sheet"


def test_the_installation_is_tried_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(installation, "_DISK_BYTES", 4096)
    monkeypatch.setattr(installation, "_SLOW_DISK", 0.0)
    monkeypatch.setattr(installation, "_LITTLE_SPACE", 0.0)
    found = document([], capsys, exit_code=0)
    told = " ".join(finding["message"] for finding in found["findings"])
    assert found["kind"] == "installation"
    assert all(word in told for word in ("av1 video is written and read back", "h264", "cpu: a product", "MB/s", "sim"))


def test_a_part_that_does_not_work_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def _decoding() -> list[Finding]:
        raise ImportError("libav is of another kind")

    monkeypatch.setattr(installation, "_decoding", _decoding)
    for other in ("_multiplying", "_disk", "_extras"):
        monkeypatch.setattr(installation, other, installation._versions)
    assert run([]) == 1
    said = capsys.readouterr().out
    assert "ERROR    decoding does not work: libav is of another kind" in said and "-> pip install" in said
