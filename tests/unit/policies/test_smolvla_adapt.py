"""A pretrained SmolVLA on other cameras, states and actions: what fits is told, and names are never guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from small_smolvla import small_smolvla
from understudy.core import log
from understudy.core.errors import ConfigError
from understudy.data.spec import IMAGES, STATE, DatasetSpec, FeatureSpec, FeatureType
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.checkpoint_config import read_policy_config
from understudy.policies.pretrained import load_policy, load_weights_into, save_pretrained
from understudy.policies.smolvla.config import SmolVlaConfig


def spec(*cameras: str, state: int = 6, action: int = 6) -> DatasetSpec:
    features = {
        **{IMAGES + name: FeatureSpec(IMAGES + name, FeatureType.VISUAL, (3, 24, 32)) for name in cameras},
        STATE: FeatureSpec(STATE, FeatureType.STATE, (state,)),
        "action": FeatureSpec("action", FeatureType.ACTION, (action,)),
    }
    return DatasetSpec(features, fps=30)


def base(*cameras: str) -> SmolVlaConfig:
    """A pretrained configuration: the cameras of SmolVLA's published weights, or others."""
    names = cameras or ("camera1", "camera2", "camera3")
    return SmolVlaConfig.tiny().model_copy(update={"input_features": {}}).with_features(spec(*names))


def test_the_same_robot_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    config = base().with_features(spec("camera1", "camera2", "camera3"))
    assert config.cameras == [IMAGES + f"camera{n}" for n in (1, 2, 3)]
    assert capsys.readouterr().out == ""


def test_fewer_cameras_and_other_sizes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    config = base().with_features(spec("camera2", "camera1", state=14, action=7))
    assert config.cameras == [IMAGES + "camera1", IMAGES + "camera2"]
    assert (config.input_features[STATE].shape, config.output_features["action"].shape) == ((14,), (7,))
    told = capsys.readouterr().out
    assert "adapted    observation.images.camera3: the dataset does not have it" in told
    assert "observation.state: 14 numbers, where the policy had 6" in told
    assert "action: 7 numbers, where the policy had 6" in told


def test_more_cameras_are_not_looked_at_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    config = base("front").with_features(spec("front", "wrist"))
    assert config.cameras == [IMAGES + "front"]
    assert "observation.images.wrist: the policy does not know it" in capsys.readouterr().out


@pytest.mark.parametrize("cameras", [("front", "wrist"), ("camera1", "wrist")])
def test_cameras_of_other_names_are_refused_with_a_rename_map_that_works(cameras: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="the policy's cameras are called") as caught:
        base().with_features(spec(*cameras))
    hint = str(caught.value.hint)
    renames = json.loads(hint[hint.index("{") : hint.index("}") + 1])
    renamed = [renames.get(IMAGES + name, IMAGES + name).removeprefix(IMAGES) for name in cameras]
    assert set(base().with_features(spec(*renamed)).cameras) == {IMAGES + name for name in renamed}


def test_a_dataset_without_a_camera_or_with_more_numbers_than_there_is_room_for() -> None:
    with pytest.raises(ConfigError, match="the dataset has none of those that it knows"):
        base().with_features(spec())
    with pytest.raises(ConfigError, match="has 40 numbers, and the policy has room for 32"):
        base().with_features(spec("camera1", state=40))
    bare = spec("camera1")
    without = DatasetSpec({n: f for n, f in bare.features.items() if n != STATE}, fps=30)
    with pytest.raises(ConfigError, match=r"needs the feature `observation\.state`"):
        base().with_features(without)


def test_weights_go_into_a_policy_of_another_robot(tmp_path: Path) -> None:
    published = small_smolvla(spec("camera1", "camera2", "camera3"))
    save_pretrained(published, tmp_path / "base")
    config = published.config.with_features(spec("camera1", "camera2", state=3, action=4))
    policy = config.skeleton(config.fake_statistics())
    load_weights_into(policy, tmp_path / "base")
    ours, theirs = policy.state_dict(), published.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    batch = config.fake_batch(2)
    assert policy.predict(batch.observation | policy.instruction(batch.task)).shape == (2, 5, 4)


def test_a_camera_that_lerobot_kept_the_name_of_but_never_saw_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log, "_warned", set())
    save_pretrained(small_smolvla(spec("camera1", "camera2", "camera3")), tmp_path / "tuned")
    for path in (tmp_path / "tuned").glob("policy_*.safetensors"):
        kept = {name: tensor for name, tensor in read_safetensors(path).items() if "camera3" not in name}
        write_safetensors(path, kept)
    policy = load_policy(tmp_path / "tuned", device="cpu")
    assert policy.config == read_policy_config(tmp_path / "tuned")
    assert IMAGES + "camera3" not in policy.config.input_features
    assert "camera3: the policy was trained without" in capsys.readouterr().err


def test_frozen_weights_that_came_in_bfloat16_are_kept_in_it(tmp_path: Path) -> None:
    policy = small_smolvla()
    with torch.no_grad():
        for parameter in policy.model.vlm_with_expert.vlm.parameters():
            parameter.copy_(parameter.bfloat16())
    save_pretrained(policy, tmp_path / "saved")
    stored = read_safetensors(tmp_path / "saved/model.safetensors")
    trained = {name for name, p in policy.named_parameters() if p.requires_grad}
    assert {name for name, tensor in stored.items() if tensor.dtype == torch.float32} == trained
    loaded = load_policy(tmp_path / "saved", device="cpu").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in policy.state_dict().items())
