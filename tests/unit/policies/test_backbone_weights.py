"""Pretrained backbones: from a file, from the Hub, and every way of not getting them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.core.errors import ConfigError
from understudy.nn.resnet import ResNet
from understudy.nn.weights import write_safetensors
from understudy.policies.act.config import ActConfig
from understudy.policies.act.model import Act


def build(**options: Any) -> Act:
    tiny = ActConfig.tiny()
    config = ActConfig.model_validate({**tiny.lerobot_json(), **options})
    return config.build(config.fake_statistics())


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier's file, as torchvision and timm name its tensors."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    tensors = {name: torch.rand_like(tensor) for name, tensor in ResNet("resnet18").state_dict().items()}
    classifier = {
        "fc.weight": torch.zeros(10, 512),
        "fc.bias": torch.zeros(10),
        "bn1.num_batches_tracked": torch.ones(()),
    }
    write_safetensors(path, {**tensors, **classifier})
    return path


def test_a_local_file_fills_convolutions_and_norms(weights: Path) -> None:
    policy = build(pretrained_backbone_weights=str(weights))
    torch.manual_seed(3)
    expected = {name: torch.rand_like(tensor) for name, tensor in ResNet("resnet18").state_dict().items()}
    assert all(torch.equal(policy.model.backbone.state_dict()[k], v) for k, v in expected.items())
    assert not policy.warnings()
    assert policy.calibrate([policy.config.fake_batch(2)]) is None


def test_the_hubs_copy_is_asked_for_by_torchvisions_name(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(weights)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    policy = build(pretrained_backbone_weights="ResNet18_Weights.IMAGENET1K_V1")
    assert asked == [("timm/resnet18.tv_in1k", "model.safetensors")]
    assert not policy.warnings()


def test_without_a_network_the_error_says_what_to_fetch_and_how_to_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"timm/resnet18\.tv_in1k") as caught:
        build(pretrained_backbone_weights="ResNet18_Weights.IMAGENET1K_V1")
    hint = str(caught.value.hint)
    assert "https://huggingface.co/timm/resnet18.tv_in1k/resolve/main/model.safetensors" in hint
    assert "--policy.pretrained_backbone_weights=null" in hint
    assert "/path/to/model.safetensors" in hint


def test_bad_weights_are_found_before_anything_is_built(tmp_path: Path) -> None:
    config = ActConfig.model_validate({**ActConfig.tiny().lerobot_json(), "pretrained_backbone_weights": "none.pth"})
    with pytest.raises(ConfigError, match="pickle"):
        config.fetch()
    ActConfig.tiny().fetch()
    without_cameras = config.model_copy(update={"input_features": {}})
    without_cameras.fetch()


def test_a_checkpoints_policy_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *given: pytest.fail("the Hub was asked"))
    config = ActConfig.model_validate({**ActConfig.tiny().lerobot_json(), "pretrained_backbone_weights": "DEFAULT"})
    assert config.skeleton(config.fake_statistics()).backbone_source == "checkpoint"


def test_weights_of_another_network_are_refused_with_the_first_differences(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_safetensors(path, {"conv1.weight": torch.zeros(64, 3, 3, 3), "head.weight": torch.zeros(2)})
    with pytest.raises(ConfigError, match=r"conv1\.weight: wanted \(64, 3, 7, 7\), found \(64, 3, 3, 3\)"):
        build(pretrained_backbone_weights=str(path))


@pytest.mark.parametrize("name", ["resnet18.pth", "resnet18.safetensors"])
def test_a_pickle_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / name)
    with pytest.raises(ConfigError, match="pickle"):
        build(pretrained_backbone_weights=str(tmp_path / name))


def test_a_missing_or_torn_file_is_an_error(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(ConfigError, match="is missing"):
        build(pretrained_backbone_weights=str(tmp_path / "none.safetensors"))
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ConfigError, match="cut short"):
        build(pretrained_backbone_weights=str(torn))
