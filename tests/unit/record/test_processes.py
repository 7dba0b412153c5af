"""Whoever worked on a recording, and however often it was stopped: the same seeds give the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toy_env
from small_recording import hashes, recorded
from understudy.core.errors import ConfigError
from understudy.record import run as module
from understudy.record.staging import staging_of


def test_many_workers_write_the_bytes_of_one(tmp_path: Path) -> None:
    # seed 3 fails, so there is a second round
    options = {"noise": 0.003, "env": {"type": "toy/raises"}}
    recorded(tmp_path / "one", 6, **options)
    recorded(tmp_path / "many", 6, workers=3, **options)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "many")


def test_a_process_that_dies_costs_its_episode_only(tmp_path: Path) -> None:
    found = recorded(tmp_path / "d", 4, env={"type": "toy/dies"})
    assert found.recording.seeds == (0, 1, 2, 4)
    assert "exit code 9" in found.recording.attempts[3].reason


def test_an_episode_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_START_S", 1.5)
    monkeypatch.setattr(module, "_STEP_S", 0.0)
    found = recorded(tmp_path / "d", 1, seed=3, env={"type": "toy/hangs"})
    assert found.recording.seeds == (4,)
    assert "no answer within 1.5 s" in found.recording.attempts[0].reason


PROGRAM = f"""
import sys; sys.path.insert(0, {str(Path(toy_env.__file__).parent)!r})
import toy_env; toy_env.register()
from understudy.rollout import workers
workers.PROGRAM = ("-c", "import sys; sys.path.insert(0, " + repr(sys.path[0]) + "); import toy_env; "
                   "toy_env.register()\\nfrom understudy.rollout.worker import main; main()")
from understudy.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def killed_recording(root: Path, signal_number: int) -> tuple[int, str]:
    """A long recording that gets a signal when three episodes are there; (exit code, what it said)."""
    options = ["--env.type=toy/reach", "--env.width=32", "--env.height=32", f"--dataset.root={root}"]
    command = [sys.executable, "-c", PROGRAM, "record", *options, "--dataset.num_episodes=3000", "--workers=1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while process.poll() is None and len(list(staging_of(root).glob("seed-*"))) < 3:
        time.sleep(0.01)
    os.kill(process.pid, signal_number)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize(
    ("signal_number", "code"),
    [(signal.SIGINT, 130), (signal.SIGKILL, -9), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_recording_that_was_stopped_goes_on_to_the_same_bytes(signal_number: int, code: int, tmp_path: Path) -> None:
    root = tmp_path / "d"
    found, said = killed_recording(root, signal_number)
    assert found == code
    assert ("--resume=true" in said) == (code > 0)
    with pytest.raises(ConfigError, match="begun and not finished"):
        recorded(root)
    assert recorded(root, 6, resume=True).episodes == 6
    recorded(tmp_path / "whole", 6)
    assert hashes(root) == hashes(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "whole"]


def test_a_recording_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    root = tmp_path / "d"
    killed_recording(root, signal.SIGKILL)
    with pytest.raises(ConfigError, match="disturbance") as caught:
        recorded(root, resume=True, noise=0.1)
    assert "0.1" in str(caught.value)
    with pytest.raises(ConfigError, match="no recording to go on with"):
        recorded(tmp_path / "other", resume=True)
