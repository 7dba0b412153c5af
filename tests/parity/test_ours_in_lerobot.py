"""A checkpoint made here runs in LeRobot 0.4.4 with equal actions, and what LeRobot saves of it loads here again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from parity.write_ours import TASKS, write
from understudy.nn.weights import read_safetensors
from understudy.policies.pretrained import load_policy

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-lerobot" / "bin" / "python"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "parameters"),
    [
        ("small", None),
        ("default", 51_597_190),
        ("smolvla", 479_720),
        ("smolvla-lora", 484_360),
        ("smolvla-full", 450_046_176),
    ],
)
def test_lerobot_gives_our_actions_and_we_load_what_it_saves(size: str, parameters: int | None, tmp_path: Path) -> None:
    if not (ROOT / ".venv-lerobot" / "complete").exists():
        pytest.skip("NOT RUN: needs LeRobot's environment; make it with tests/parity/lerobot_env.sh")
    write(tmp_path, size)
    script = Path(__file__).with_name("check_ours_in_lerobot.py")
    done = subprocess.run([PYTHON, script, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout.strip().splitlines()[-1])
    print(outcome)
    assert outcome["largest_difference_in_std"] <= 1e-5
    assert outcome["spread_of_actions_in_std"] > 0.01
    assert parameters in (None, outcome["parameters"])
    stored = read_safetensors(tmp_path / "expected.safetensors")
    expected = stored.pop("action")
    again = load_policy(tmp_path / "saved_by_lerobot", device="cpu")
    assert torch.equal(again.predict(stored | again.instruction(TASKS)), expected)
