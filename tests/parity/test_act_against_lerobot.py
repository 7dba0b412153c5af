"""Ours against numbers and checkpoints recorded from LeRobot 0.4.4 (record_act.py): both ways, images to actions."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from parity.act_cases import with_noise
from parity.lerobot_cases import (
    CASES,
    CONTROL_STEPS,
    EXECUTION,
    TRAINING_STEPS,
    drawn_batch,
    drawn_statistics,
)
from parity.recipe import KEPT_AS_COMPUTED, drawn_weights
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.act.config import ActConfig
from understudy.policies.act.model import Act
from understudy.policies.checkpoint_config import read_policy_config
from understudy.policies.horizon import Controller
from understudy.policies.pretrained import load_policy, save_pretrained
from understudy.train.optim import build_optimizer

RECORDED = Path(__file__).parent / "act_lerobot_0_4_4"
NUMBERS: dict[str, Any] = json.loads(RECORDED.with_suffix(".json").read_text())


@cache
def arrays() -> dict[str, torch.Tensor]:
    return read_safetensors(RECORDED.with_suffix(".safetensors"))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints as LeRobot wrote them, their weights made again where they are too big to keep."""
    folder = tmp_path_factory.mktemp("lerobot")
    for case in CASES:
        shutil.copytree(RECORDED / case, folder / case)
        weights = folder / case / "model.safetensors"
        if not weights.exists():
            tensors = drawn_weights(NUMBERS["shapes"][case])
            table = arrays().get(f"{case}.{KEPT_AS_COMPUTED}")
            write_safetensors(weights, tensors if table is None else {**tensors, KEPT_AS_COMPUTED: table})
    return folder


def load(checkpoints: Path, case: str, **options: Any) -> Act:
    """LeRobot's checkpoint of `case`, with LeRobot 0.4's loss."""
    policy = load_policy(checkpoints / case, device="cpu")
    assert isinstance(policy, Act)
    policy.config = policy.config.model_copy(update={"loss_normalization": "all", **options})
    return policy


def batch_of(case: str, seed: int) -> tuple[Batch, torch.Tensor]:
    drawn = drawn_batch(case, seed)
    action, is_pad, noise = (drawn.pop(name) for name in ("action", "action_is_pad", "noise"))
    return Batch(drawn, action, is_pad), noise


@pytest.mark.parametrize("case", CASES)
def test_lerobots_checkpoint_gives_the_same_actions_for_the_same_observation(checkpoints: Path, case: str) -> None:
    policy = load(checkpoints, case)
    batch, _ = batch_of(case, seed=0)
    assert_close(policy.predict(batch.observation), arrays()[f"{case}.chunk"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_losses_agree_from_raw_pixels_and_units(checkpoints: Path, case: str) -> None:
    batch, noise = batch_of(case, seed=0)
    loss = with_noise(load(checkpoints, case).train(), noise).loss(batch, Rng(0))
    ours = {name: float(part) for name, part in loss.parts.items()} | {"loss": float(loss.total.detach())}
    assert ours == pytest.approx(NUMBERS["losses"][case], rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_entries_and_the_order_of_parameters_are_lerobots(checkpoints: Path, case: str) -> None:
    policy = load(checkpoints, case)
    shapes = {name: list(tensor.shape) for name, tensor in policy.state_dict().items()}
    assert shapes == NUMBERS["shapes"][case]
    assert [name for name, _ in policy.named_parameters()] == NUMBERS["parameter_order"][case]


@pytest.mark.parametrize("name", EXECUTION)
def test_a_controlled_episode_takes_the_same_actions(checkpoints: Path, name: str) -> None:
    policy = load(checkpoints, "plain", **EXECUTION[name])
    controller = Controller(policy)
    controller.reset()
    actions = []
    for step in range(CONTROL_STEPS):
        drawn = drawn_batch("plain", seed=100 + step, size=1)
        observation = {k: v[0].numpy() for k, v in drawn.items() if k.startswith("observation.")}
        actions.append(torch.from_numpy(controller.act(observation)))
    assert_close(torch.stack(actions), arrays()[f"{name}.actions"], rtol=0, atol=1e-5)


def train(policy: Act, steps: int) -> list[dict[str, float]]:
    """The trainer's optimiser and clipping on the recorded batches."""
    preset = policy.config.optimizer_preset()
    optimizer = build_optimizer(policy, preset, use_groups=True)
    policy.train()
    history = []
    for step in range(steps):
        batch, noise = batch_of("plain", seed=1000 + step)
        loss = with_noise(policy, noise).loss(batch, Rng(0))
        loss.total.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        parts = {name: float(part) for name, part in loss.parts.items()}
        history.append({**parts, "loss": float(loss.total.detach()), "grad_norm": float(norm)})
    return history


def test_twenty_updates_from_equal_weights_on_equal_batches_give_equal_losses(checkpoints: Path) -> None:
    policy = load(checkpoints, "plain")
    for ours, recorded in zip(train(policy, TRAINING_STEPS), NUMBERS["training"], strict=True):
        assert ours == pytest.approx(recorded, rel=1e-4)
    batch, _ = batch_of("plain", seed=0)
    after = policy.predict(batch.observation)
    assert_close(after, arrays()["trained.chunk"], rtol=0, atol=1e-4)
    assert (after - arrays()["plain.chunk"]).abs().max() > 0.01  # the updates moved what the comparison looks at


@pytest.mark.parametrize("case", CASES)
def test_what_is_saved_here_is_what_lerobot_saves(checkpoints: Path, case: str, tmp_path: Path) -> None:
    theirs = checkpoints / case
    save_pretrained(load_policy(theirs, device="cpu"), tmp_path / "saved")
    ours = tmp_path / "saved"
    assert {p.name for p in ours.iterdir()} == {p.name for p in theirs.iterdir()} | {"understudy.json"}
    for path in theirs.iterdir():
        if path.suffix == ".json":
            written, expected = json.loads((ours / path.name).read_text()), json.loads(path.read_text())
            assert json.dumps(written) == json.dumps(expected), path.name  # the order of keys included
        else:
            written, expected = read_safetensors(ours / path.name), read_safetensors(path)
            assert written.keys() == expected.keys()
            assert all(torch.equal(written[k], expected[k]) and written[k].dtype == expected[k].dtype for k in written)


def test_a_config_made_here_equals_the_one_lerobot_wrote(checkpoints: Path) -> None:
    options, features = CASES["everything"]
    made = ActConfig.model_validate(
        {
            **options,
            "input_features": {name: {"type": kind, "shape": shape} for name, (kind, shape) in features.items()},
            "output_features": {"action": {"type": "ACTION", "shape": (5,)}},
        }
    )
    assert made == read_policy_config(checkpoints / "everything")


def test_statistics_are_read_from_the_processors_files(checkpoints: Path) -> None:
    read, drawn = load(checkpoints, "plain").normalizer.statistics, drawn_statistics("plain")
    assert read.keys() == drawn.keys()
    for feature, values in drawn.items():
        for name, value in values.items():
            assert (read[feature][name] == value).all()
