"""A run of tiny pi0 that goes on from a checkpoint ends as one that was never stopped, whatever noise it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import command, finished_and_gone_on, run

SMALL = [
    "--policy.type=tiny_pi0",
    "--policy.device=cpu",
    "--policy.dim_model=8",
    "--policy.n_heads=2",
    "--policy.dim_feedforward=16",
    "--policy.dim_state=16",
    "--batch_size=4",
    "--precision=fp32",
    "--tensorboard=false",
    "--dataset.eval_episodes=[2]",
]
LONGER_THAN_AN_EPISODE = ["--policy.chunk_size=30", "--policy.n_action_steps=30"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [LONGER_THAN_AN_EPISODE, ["--policy.preset=original", "--policy.n_layers=1"]], ids=["modern", "original"]
)
def test_going_on_from_a_checkpoint_gives_the_same_weights_bit_for_bit(options: list[str], tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset", episodes=3, frames=20, cameras=())
    first, again, _ = finished_and_gone_on(command("train", f"--dataset.repo_id={dataset}", *SMALL, *options), tmp_path)
    for name in ("pretrained_model/model.safetensors", "training_state/optimizer_state.safetensors"):
        assert (first / name).read_bytes() == (again / name).read_bytes(), name


def test_a_dataset_with_cameras_is_refused_with_a_way_out(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset", episodes=2, frames=6)
    done = run(command("train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}", *SMALL[:2]))
    assert done.returncode == 2
    assert "looks at `observation.state` and nothing else" in done.stderr
    assert "--policy.input_features=" in done.stderr
    assert not (tmp_path / "run").exists()
