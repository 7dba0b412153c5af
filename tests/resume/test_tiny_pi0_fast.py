"""A run of tiny pi0-FAST that goes on from a checkpoint ends as one that was never stopped, with the same tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import command, run

SMALL = [
    "--policy.type=tiny_pi0_fast",
    "--policy.device=cpu",
    "--policy.chunk_size=5",
    "--policy.n_action_steps=5",
    "--policy.dim_model=8",
    "--policy.n_heads=2",
    "--policy.dim_feedforward=16",
    "--policy.dim_state=16",
    "--policy.dct_scale=10",
    "--batch_size=4",
    "--precision=fp32",
    "--tensorboard=false",
    "--steps=8",
    "--save_freq=4",
    "--eval_steps=4",
    "--dataset.eval_episodes=[2]",
]
FILES = [
    "pretrained_model/model.safetensors",
    "pretrained_model/action_tokenizer.json",
    "training_state/optimizer_state.safetensors",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--policy.input_noise=0.1"],
        ["--policy.tokens=merged", "--policy.vocabulary_size=400", "--policy.max_tokens=40", "--policy.dropout=0.1"],
    ],
)
def test_going_on_from_a_checkpoint_gives_the_same_weights_bit_for_bit(options: list[str], tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset", episodes=3, frames=20, cameras=())
    where = [f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}"]
    cache = {"UNDERSTUDY_CACHE": str(tmp_path / "cache")}
    done = run(command("train", *where, *SMALL, *options), **cache)
    assert done.returncode == 0, done.stderr
    assert "fitted" in done.stdout + done.stderr
    shutil.copytree(tmp_path / "run", tmp_path / "cut", symlinks=True)
    shutil.rmtree(tmp_path / "cut/checkpoints/000008")
    for name in ("last", "best"):
        link = tmp_path / "cut/checkpoints" / name
        link.unlink(missing_ok=True)
        link.symlink_to("000004")
    done = run(command("train", "--resume", str(tmp_path / "cut")), **cache)
    assert done.returncode == 0, done.stderr
    for name in FILES:
        first, again = (tmp_path / folder / "checkpoints/000008" / name for folder in ("run", "cut"))
        assert first.read_bytes() == again.read_bytes(), name
