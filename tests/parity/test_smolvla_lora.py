"""An adapter that LeRobot 0.4.4 trained and saved (record_smolvla_lora.py) is trained the same and loaded here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from parity.test_smolvla_against_lerobot import RECORDED, given, policy_of, predicted
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.adapter import add_adapter, restore_adapter
from understudy.policies.kinds import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from understudy.policies.pretrained import load_policy
from understudy.policies.smolvla.model import SmolVla
from understudy.train.optim import build_optimizer

pytest.importorskip("peft")
LORA = Path(__file__).parent / "smolvla_lora_lerobot_0_4_4"
NUMBERS: dict[str, Any] = json.loads(LORA.with_suffix(".json").read_text())


@pytest.fixture(autouse=True)
def _beside_the_vlm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RECORDED)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """LeRobot's checkpoint, which names its base by a relative path, beside such a base."""
    shutil.copytree(RECORDED / "checkpoint", tmp_path / "base")
    write_safetensors(tmp_path / "base/model.safetensors", policy_of("plain").state_dict())
    shutil.copytree(LORA, tmp_path / "adapter")
    values = json.loads((LORA / ADAPTER_CONFIG).read_text())
    (tmp_path / "adapter" / ADAPTER_CONFIG).write_text(
        json.dumps({**values, "base_model_name_or_path": str(tmp_path / "base")})
    )
    return tmp_path / "adapter"


@pytest.mark.parametrize("way", ["merged", "apart"])
def test_lerobots_adapter_gives_lerobots_actions(way: Any, adapter: Path) -> None:
    policy = load_policy(adapter, device="cpu", adapter=way)
    assert isinstance(policy, SmolVla)
    expected = read_safetensors(LORA.with_suffix(".safetensors"))["action"]
    assert_close(predicted(policy), expected, rtol=0, atol=1e-5)
    assert not torch.allclose(predicted(policy_of("plain")), expected, rtol=0, atol=1e-3)


def test_an_adapter_trained_here_has_lerobots_losses_and_numbers(tmp_path: Path) -> None:
    policy = policy_of("plain")
    write_safetensors(tmp_path / "model.safetensors", policy.state_dict())
    targets = json.loads((LORA / ADAPTER_CONFIG).read_text())["target_modules"]
    assert policy.config.adapter_targets == targets
    torch.manual_seed(0)  # LeRobot's first numbers came from it too
    add_adapter(policy, {"peft_type": "LORA", "r": 4, "target_modules": targets}, tmp_path, "checkpoint")
    order = [f"base_model.model.{name}" for name, _ in policy.named_parameters()]
    assert order == NUMBERS["parameter_order"]
    preset = policy.config.optimizer_preset()
    optimizer = build_optimizer(policy, preset, use_groups=True)
    policy.train()
    for step, expected in enumerate(NUMBERS["losses"]):
        loss = policy.loss_given(*given(policy, 1000 + step))
        assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-5)
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
        optimizer.step()
        optimizer.zero_grad()
    assert policy.adapter is not None
    trained, theirs = policy.adapter.tensors(), read_safetensors(LORA / ADAPTER_WEIGHTS)
    assert sorted(trained) == sorted(theirs)
    for name, tensor in theirs.items():
        assert_close(trained[name], tensor, rtol=1e-3, atol=1e-6)


def test_what_is_written_has_lerobots_names_and_options(adapter: Path, tmp_path: Path) -> None:
    policy = policy_of("plain")
    restore_adapter(policy, adapter, {})
    assert policy.adapter is not None
    (tmp_path / "ours").mkdir()
    policy.adapter.write(tmp_path / "ours")
    ours, theirs = (json.loads((folder / ADAPTER_CONFIG).read_text()) for folder in (tmp_path / "ours", adapter))
    for values in (ours, theirs):
        del values["peft_version"]
    assert {name: ours[name] for name in theirs} == theirs
    for name, tensor in read_safetensors(adapter / ADAPTER_WEIGHTS).items():
        assert torch.equal(read_safetensors(tmp_path / "ours" / ADAPTER_WEIGHTS)[name], tensor)
