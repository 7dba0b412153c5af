"""A run of tiny pi0-FAST that goes on from a checkpoint ends as one that was never stopped, with the same tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import command, finished_and_gone_on

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
    train = command("train", f"--dataset.repo_id={dataset}", *SMALL, *options)
    first, again, told = finished_and_gone_on(train, tmp_path)
    assert "fitted" in told
    for name in FILES:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
