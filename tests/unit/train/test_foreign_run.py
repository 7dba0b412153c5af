"""What another program left: its log, or LeRobot's output folder with or without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.core.errors import DataError
from understudy.core.run_folder import RunFolder
from understudy.train.foreign_run import read_foreign, run_from_log
from understudy.train.report import changed_options, write_report

RECORDED = Path(__file__).parents[2] / "parity/train_config_lerobot_0_4_4.json"
LINE = "INFO 2025-07-16 20:{i:02d}:31 ts/train.py:232 step:{step} loss:{loss} lr:1.0e-05 updt_s:0.05 data_s:0.2\n"


def lerobot_config(**changed: Any) -> dict[str, Any]:
    """What LeRobot 0.4.4 wrote for a run of ACT."""
    recorded: dict[str, Any] = next(iter(json.loads(RECORDED.read_text()).values()))
    return recorded | changed


def lerobot_folder(folder: Path, **changed: Any) -> Path:
    for step in (2000, 4000):
        checkpoint = RunFolder(folder).checkpoint(step, 100_000) / "pretrained_model"
        checkpoint.mkdir(parents=True)
        (checkpoint / "train_config.json").write_text(json.dumps(lerobot_config(**changed)))
        (checkpoint / "model.safetensors").write_bytes(bytes(1_000_000))
    return folder


def test_a_folder_of_lerobot_without_a_log_tells_of_options_and_checkpoints(tmp_path: Path) -> None:
    made = run_from_log(lerobot_folder(tmp_path / "lerobot", batch_size=64, seed=7), tmp_path / "page")
    page = write_report(made).read_text()
    assert page.startswith("# act on u/n\n")
    assert "4,000 of 100,000 updates" in page and "batches of 64" in page
    assert "| `batch_size` | 64 | 8 |" in page and "| `seed` | 7 | 1000 |" in page
    assert "| 4,000 |" in page and "(checkpoints, no log)" in page


def test_wandbs_files_in_a_folder_of_lerobot_are_found(tmp_path: Path) -> None:
    folder = lerobot_folder(tmp_path / "lerobot")
    log = folder / "wandb/run-20260101_000000-abc/files/output.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(LINE.format(i=i, step=100 * i, loss=1 / i) for i in range(1, 31)))
    found = read_foreign(folder)
    assert [e["step"] for e in found.events if e["event"] == "step"][-1] == 3000
    assert found.config["dataset"]["repo_id"] == "u/n"


def test_of_what_lerobot_filled_in_by_itself_nothing_is_said() -> None:
    untouched = lerobot_config(optimizer=None, scheduler=None)
    assert not {name for name, _, _ in changed_options(untouched)} & {"save_freq", "eval.n_episodes", "checkpoint_path"}


def test_a_folder_with_neither_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="no log was found"):
        run_from_log(tmp_path / "other", tmp_path / "page")
    assert not (tmp_path / "page").exists()
