"""An update of k batches of b windows is the update of one batch of k * b: the same samples, draws and weights."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from make_dataset import make_dataset
from understudy.core.rng import Rng
from understudy.core.run_folder import RunFolder
from understudy.train.batched_update import BatchedUpdate
from understudy.train.config import TrainConfig
from understudy.train.distributed import ALONE
from understudy.train.prepare import PolicyParts, Prepared, prepare, prepare_policy
from understudy.train.start_up import StartUp

STEPS = 3
SMALL = {"chunk_size": 5, "n_action_steps": 5, "device": "cpu"}
ACT = {"dim_model": 16, "n_heads": 2, "dim_feedforward": 32, "n_encoder_layers": 1, "n_vae_encoder_layers": 1}
SMOLVLA = {"type": "smolvla", "preset": "tiny", "from_scratch": True, "num_steps": 2}
EXPERT = {"train_expert_only": True, "freeze_vision_encoder": True}
STATE = {"input_features": {"observation.state": {"type": "STATE", "shape": (6,)}}}
POLICIES: dict[str, dict[str, Any]] = {
    # dropout's masks are torch's own and know no samples
    "act": {"type": "act", "pretrained_backbone_weights": None, "latent_dim": 4, "dropout": 0.0, **ACT},
    "smolvla": {**SMOLVLA, **EXPERT},
    "smolvla, counting padding": {**SMOLVLA, **EXPERT, "loss_normalization": "all"},
    "smolvla, whole": SMOLVLA,
    "tiny_pi0": {"type": "tiny_pi0", **STATE},
    # tiny_pi0_fast is not among them: it divides by the tokens that a part has, and their number is not the rows' alone
}
EVERY = pytest.mark.parametrize("name", POLICIES)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Episodes so short that most windows run past their end, each by another number of actions."""
    tasks = ("move the block", "put the block into the box")
    folder = tmp_path_factory.mktemp("set") / "d"
    return make_dataset(folder, episodes=4, frames=7, cameras=("front",), tasks=tasks)


def begun(
    dataset: Path, name: str, batch: int, parts: int, data: dict[str, Any] | None = None, **more: Any
) -> tuple[Prepared, PolicyParts]:
    config = TrainConfig.model_validate(
        {
            "dataset": {"repo_id": str(dataset), "eval_split": 0.0, **(data or {})},
            "policy": {**SMALL, **POLICIES[name]},
            "batch_size": batch,
            "grad_accumulation_steps": parts,
            "precision": "fp32",
            # Adam makes a whole step of a gradient that is nothing but rounding
            "optimizer": {"type": "sgd", "lr": 0.05, "weight_decay": 0.0, "grad_clip_norm": 1.0},
            "steps": STEPS,
            "output_dir": str(dataset.parent / "run"),
            **more,
        }
    )
    prepared = prepare(config, RunFolder(dataset.parent / "run"), ALONE, StartUp())
    return prepared, prepare_policy(prepared, None)


def trained(
    dataset: Path, name: str, batch: int, parts: int, **more: Any
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The weights after a few updates, and the means that were logged."""
    prepared, made = begun(dataset, name, batch, parts, **more)
    with contextlib.closing(prepared.source()) as source:
        for step in range(STEPS):
            made.update([source.take(step * parts + part) for part in range(parts)], step)
    return dict(made.policy.state_dict()), made.update.window.means()


@EVERY
def test_parts_make_the_update_of_the_whole(name: str, dataset: Path) -> None:
    same_update(dataset, name, prefix_cache="off")


def test_parts_make_the_update_of_the_whole_from_what_is_kept_of_frames(dataset: Path) -> None:
    same_update(dataset, "smolvla", prefix_cache="memory")


def same_update(dataset: Path, name: str, **more: Any) -> None:
    weights, means = trained(dataset, name, 8, 1, **more)
    apart, same = trained(dataset, name, 2, 4, **more)
    assert same == pytest.approx(means, rel=1e-4)
    for key, tensor in weights.items():
        assert_close(apart[key], tensor, rtol=1e-4, atol=1e-6, msg=lambda text, key=key: f"{key}: {text}")


@EVERY
def test_pads_differ_between_the_parts_and_each_is_divided_by_what_the_whole_holds(name: str, dataset: Path) -> None:
    prepared, _ = begun(dataset, name, 2, 4)
    with contextlib.closing(prepared.source()) as source:
        parts = [source.take(part) for part in range(4)]
    inside = [int((~batch.action_is_pad).sum()) for batch in parts]
    assert len(set(inside)) > 1
    for batch in parts:
        assert batch.valid_steps is not None and float(batch.valid_steps) == np.mean(inside)


def test_pictures_are_changed_the_same_in_parts(dataset: Path) -> None:
    changing = {"image_transforms": {"enable": True}}
    weights, _ = trained(dataset, "smolvla", 8, 1, data=changing)
    apart, _ = trained(dataset, "smolvla", 2, 4, data=changing)
    plain, _ = trained(dataset, "smolvla", 8, 1)
    name = "model.action_out_proj.weight"
    assert_close(apart[name], weights[name], rtol=1e-4, atol=1e-6)
    assert not torch.equal(plain[name], weights[name])


def test_many_networks_computed_as_one_accumulate_like_each_alone(dataset: Path) -> None:
    alone, _ = trained(dataset, "tiny_pi0", 8, 1)
    prepared, made = begun(dataset, "tiny_pi0", 2, 4)
    together = BatchedUpdate([made.update])
    with contextlib.closing(prepared.source()) as source:
        for step in range(STEPS):
            together([[source.take(step * 4 + part) for part in range(4)]], [step])
    for key, tensor in made.policy.state_dict().items():
        assert_close(tensor, alone[key], rtol=1e-4, atol=1e-6)


def test_a_part_of_the_draw_is_its_rows_of_the_whole() -> None:
    whole = Rng(0, 5).normal("noise", (6, 2))
    ranks = [Rng(0, 5, rank, 3) for rank in range(3)]
    assert torch.equal(torch.cat([rng.normal("noise", (2, 2)) for rng in ranks]), whole)
    parts = [Rng(0, 5).part(number, 3) for number in range(3)]
    assert torch.equal(torch.cat([rng.normal("noise", (2, 2)) for rng in parts]), whole)
    both = [Rng(0, 5, rank, 3).part(number, 2) for number in range(2) for rank in range(3)]
    assert torch.equal(torch.cat([rng.normal("noise", (1, 2)) for rng in both]), whole)
