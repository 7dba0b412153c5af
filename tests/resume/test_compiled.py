"""A compiled run that is stopped and gone on with ends with the weights of the one that was not stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import command, run, train_command

OPTIONS = ["--compile=on", "--policy.vision_backbone=keypoints", "--eval_steps=0", "--save_freq=2"]
WEIGHTS = "checkpoints/last/pretrained_model/model.safetensors"


@pytest.mark.slow
def test_a_compiled_run_resumes_bit_for_bit(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", episodes=3, frames=12)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for words in (
        train_command(dataset, whole, *OPTIONS, "--steps=4"),
        train_command(dataset, stopped, *OPTIONS, "--steps=2"),
        command("train", "--resume", str(stopped), "--steps=4"),
    ):
        done = run(words, OMP_NUM_THREADS="1")
        assert done.returncode == 0, done.stderr
        assert "compiled   in " in done.stdout
    assert (whole / WEIGHTS).read_bytes() == (stopped / WEIGHTS).read_bytes()
