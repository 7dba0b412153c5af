"""SmolVLA against what LeRobot 0.4.4 recorded (record_smolvla.py): both ways, from pictures and words to actions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from parity.smolvla_cases import (
    OPTIONS,
    TRAINING_STEPS,
    drawn_aloha,
    drawn_batch,
    drawn_statistics,
    drawn_weights,
)
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.pretrained import load_policy, save_pretrained
from understudy.policies.smolvla import aloha
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.model import TOKEN_MASK, TOKENS, SmolVla
from understudy.train.optim import build_optimizer, flatten_state
from understudy.train.schedule import build_schedule
from understudy.train.schedule_config import SchedulerConfig

RECORDED = Path(__file__).parent / "smolvla_lerobot_0_4_4"
NUMBERS: dict[str, Any] = json.loads(RECORDED.with_suffix(".json").read_text())
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "whole": {"train_expert_only": False, "freeze_vision_encoder": False},
    "padded": {"pad_language_to": "max_length", "prefix_length": 40, "empty_cameras": 1},
    "special": {"add_image_special_tokens": True, "empty_cameras": 1},
    "cross": {"self_attn_every_n_layers": 0, "num_vlm_layers": 3, "expert_width_multiplier": 0.5},
}


@cache
def arrays() -> dict[str, Tensor]:
    return read_safetensors(RECORDED.with_suffix(".safetensors"))


@pytest.fixture(autouse=True)
def _beside_the_vlm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded configuration names its vision-language model by a folder beside the checkpoint."""
    monkeypatch.chdir(RECORDED)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint as LeRobot wrote it, its weights made again."""
    folder = tmp_path_factory.mktemp("lerobot") / "plain"
    shutil.copytree(RECORDED / "checkpoint", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(RECORDED)
        shapes = {name: tensor.shape for name, tensor in policy_of("plain").state_dict().items()}
    write_safetensors(folder / "model.safetensors", drawn_weights(shapes))
    return folder


def policy_of(case: str) -> SmolVla:
    """Ours, built from LeRobot's configuration and the recipe's weights, with LeRobot 0.4's loss."""
    recorded = json.loads((RECORDED / "checkpoint/config.json").read_text())
    config = SmolVlaConfig.model_validate({**recorded, **CASES[case], "loss_normalization": "all"})
    policy = config.skeleton(drawn_statistics())
    policy.load_state_dict(drawn_weights({name: tensor.shape for name, tensor in policy.state_dict().items()}))
    policy.read_own_files(RECORDED / "checkpoint")
    return policy


def given(policy: SmolVla, seed: int) -> tuple[Batch, dict[str, Tensor]]:
    """A recorded window and the draws of its loss."""
    drawn = drawn_batch(seed)
    action, is_pad, noise, time, task = (drawn.pop(n) for n in ("action", "action_is_pad", "noise", "time", "task"))
    return Batch(drawn, action, is_pad, task), {"noise": noise, "time": time, **policy.instruction(task)}


def predicted(policy: SmolVla, seed: int = 0) -> Tensor:
    batch, draws = given(policy, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rng, "normal", lambda *_, **__: draws["noise"])
        return policy.predict(batch.observation | policy.instruction(batch.task))


@pytest.mark.parametrize("case", CASES)
def test_losses_agree_from_raw_pixels_words_and_units(case: str) -> None:
    policy = policy_of(case)
    loss = policy.loss_given(*given(policy, 0))
    assert float(loss.total.detach()) == pytest.approx(NUMBERS["losses"][case], rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_actions_agree_from_raw_pixels_words_and_units(case: str) -> None:
    assert_close(predicted(policy_of(case)), arrays()[case], rtol=0, atol=1e-5)


def test_lerobots_checkpoint_gives_lerobots_actions(checkpoint: Path) -> None:
    policy = load_policy(checkpoint, device="cpu")
    assert isinstance(policy, SmolVla)
    assert_close(predicted(policy), arrays()["plain"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("task", NUMBERS["tokens"])
def test_instructions_become_the_same_tokens(task: str) -> None:
    found = policy_of("plain").instruction([task])
    assert found[TOKENS][0].tolist() == NUMBERS["tokens"][task]
    assert found[TOKEN_MASK].all()


def test_the_order_of_parameters_and_what_is_trained_are_lerobots() -> None:
    policy = policy_of("plain")
    assert [name for name, _ in policy.named_parameters()] == NUMBERS["parameter_order"]
    assert [name for name, p in policy.named_parameters() if p.requires_grad] == NUMBERS["trained"]
    assert list(policy.state_dict()) == NUMBERS["parameter_order"]


def test_twenty_updates_from_equal_weights_noise_and_times_give_equal_losses() -> None:
    policy = policy_of("plain")
    preset = policy.config.optimizer_preset()
    optimizer = build_optimizer(policy, preset, use_groups=True)
    schedule = build_schedule(
        SchedulerConfig.model_validate(policy.config.scheduler_preset()), optimizer, TRAINING_STEPS
    )
    assert schedule is not None
    for step, recorded in enumerate(NUMBERS["training"]):
        loss = policy.loss_given(*given(policy, 1000 + step)).total
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        found = {"loss": float(loss.detach()), "grad_norm": float(norm), "lr": rate}
        assert found == pytest.approx(recorded, rel=1e-4), step
    # LeRobot's file of the optimiser counts through all parameters, frozen ones too, and keeps nothing of these
    numbers = {int(name.split("/")[1]) for name in flatten_state(optimizer)}
    assert numbers == {NUMBERS["parameter_order"].index(name) for name in NUMBERS["trained"]}
    after = predicted(policy)
    assert_close(after, arrays()["trained"], rtol=0, atol=1e-4)
    assert (after - arrays()["plain"]).abs().max() > 1e-3  # the updates moved what the comparison looks at


def test_what_is_saved_here_is_what_lerobot_saves(checkpoint: Path, tmp_path: Path) -> None:
    save_pretrained(load_policy(checkpoint, device="cpu"), tmp_path / "saved")
    ours = tmp_path / "saved"
    added = {"understudy.json", "tokenizer"}
    assert {p.name for p in ours.iterdir()} == {p.name for p in checkpoint.iterdir()} | added
    for path in checkpoint.iterdir():
        if path.suffix == ".json":
            written, expected = json.loads((ours / path.name).read_text()), json.loads(path.read_text())
            assert written == expected, path.name
            assert list(written) == list(expected), path.name
        else:
            found, stored = read_safetensors(ours / path.name), read_safetensors(path)
            assert found.keys() == stored.keys()
            assert all(torch.equal(found[key], stored[key]) for key in found)


def test_names_and_shapes_at_full_size_are_lerobots() -> None:
    features = {
        "input_features": {
            "observation.images.front": {"type": "VISUAL", "shape": [3, 480, 640]},
            "observation.state": {"type": "STATE", "shape": [6]},
        },
        "output_features": {"action": {"type": "ACTION", "shape": [6]}},
    }
    config = SmolVlaConfig.model_validate(features)
    with torch.device("meta"):
        policy = config.skeleton(config.fake_statistics())
    assert {name: list(p.shape) for name, p in policy.named_parameters()} == NUMBERS["full"]
    assert [name for name, _ in policy.named_parameters()] == list(NUMBERS["full"])
    counted = {
        "parameters": sum(p.numel() for p in policy.parameters()),
        "trainable": sum(p.numel() for p in policy.parameters() if p.requires_grad),
        "trained_tensors": sum(p.requires_grad for p in policy.parameters()),
    }
    assert counted == NUMBERS["full_size"]
    assert counted["parameters"] == 450_046_176


@pytest.mark.parametrize(
    ("name", "convert"),
    [("state", aloha.state_to_pi0), ("in", aloha.actions_to_pi0), ("out", aloha.actions_from_pi0)],
)
def test_alohas_numbers_are_converted_as_lerobot_does(name: str, convert: Callable[[Tensor], Tensor]) -> None:
    assert_close(convert(drawn_aloha()), arrays()[f"aloha.{name}"], rtol=0, atol=1e-5)


def test_defaults_are_lerobots() -> None:
    recorded = json.loads((RECORDED / "checkpoint/config.json").read_text())
    config = SmolVlaConfig.model_validate({name: recorded[name] for name in ("input_features", "output_features")})
    changed = {*OPTIONS, "vlm_model_name", "tokenizer_max_length"}
    ours = config.lerobot_json()
    assert {n for n in ours if ours[n] != recorded[n]} == changed
