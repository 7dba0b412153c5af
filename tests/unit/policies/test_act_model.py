"""ACT: what each option changes, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.testing import assert_close

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.data.spec import Batch, FeatureType
from understudy.nn.resnet import ResNet
from understudy.policies.act.config import ActConfig
from understudy.policies.act.model import Act
from understudy.policies.act.weights import calibrate_backbone
from understudy.policies.config import Feature
from understudy.policies.pretrained import load_policy, save_pretrained


def config_of(**options: Any) -> ActConfig:
    tiny = ActConfig.tiny()
    return ActConfig.model_validate({**tiny.lerobot_json(), **tiny.own_json(), **options})


def build(config: ActConfig) -> Act:
    torch.manual_seed(0)
    return config.build(config.fake_statistics())


def losses(policy: Act, batch: Batch) -> dict[str, float]:
    return {name: float(part) for name, part in policy.loss(batch, Rng(0)).parts.items()}


def test_padding_counts_in_the_mean_only_when_asked_for() -> None:
    batch = config_of().fake_batch(3)
    valid, everything = (
        losses(build(config_of(loss_normalization=rule, dropout=0)).eval(), batch)["l1_loss"]
        for rule in ("valid", "all")
    )
    share = 1 - float(batch.action_is_pad.float().mean())
    assert 0 < share < 1
    assert everything == pytest.approx(valid * share, rel=1e-5)


def test_a_batch_of_padding_alone_has_a_loss_of_zero() -> None:
    batch = config_of().fake_batch(2)
    batch.action_is_pad[:] = True
    assert losses(build(config_of()).eval(), batch)["l1_loss"] == 0


def test_the_kl_part_is_weighted_in_the_total_and_logged_unweighted() -> None:
    batch = config_of().fake_batch(2)
    policy = build(config_of(kl_weight=3.0, dropout=0)).train()
    loss = policy.loss(batch, Rng(0))
    assert float(loss.total.detach()) == pytest.approx(
        float(loss.parts["l1_loss"] + 3 * loss.parts["kld_loss"]), rel=1e-6
    )


def test_held_out_loss_and_training_without_latent_have_no_kl_part() -> None:
    batch = config_of().fake_batch(2)
    assert set(losses(build(config_of()).eval(), batch)) == {"l1_loss"}
    assert set(losses(build(config_of(use_vae=False)).train(), batch)) == {"l1_loss"}
    assert set(losses(build(config_of()).train(), batch)) == {"l1_loss", "kld_loss"}


def test_a_policy_without_latent_has_none_of_its_encoders_tensors() -> None:
    assert not [k for k in build(config_of(use_vae=False)).state_dict() if "vae_encoder" in k]


def test_the_order_of_cameras_does_not_change_the_prediction() -> None:
    cameras = {f"observation.images.{n}": Feature(type=FeatureType.VISUAL, shape=(3, 32, 32)) for n in ("a", "b")}
    state = {"observation.state": Feature(type=FeatureType.STATE, shape=(6,))}
    first = build(config_of(input_features={**cameras, **state}))
    second_config = config_of(input_features={**dict(reversed(cameras.items())), **state})
    second = second_config.skeleton(first.normalizer.statistics)
    second.load_state_dict(first.state_dict())
    observation = first.config.fake_batch(2).observation
    assert_close(first.predict(observation), second.predict(observation), rtol=0, atol=1e-5)


def test_cameras_share_one_backbone_and_may_differ_in_size() -> None:
    cameras = {
        "observation.images.a": Feature(type=FeatureType.VISUAL, shape=(3, 32, 32)),
        "observation.images.b": Feature(type=FeatureType.VISUAL, shape=(3, 40, 70)),
    }
    policy = build(config_of(input_features=cameras))
    assert sum("backbone.conv1" in key for key in policy.state_dict()) == 1
    assert policy.predict(policy.config.fake_batch(2).observation).shape == (2, 5, 6)


def test_a_policy_without_the_robots_state_needs_none() -> None:
    only_camera = {"observation.images.a": Feature(type=FeatureType.VISUAL, shape=(3, 32, 32))}
    policy = build(config_of(input_features=only_camera))
    batch = policy.config.fake_batch(2)
    assert "observation.state" not in batch.observation
    assert "kld_loss" in losses(policy.train(), batch)
    assert policy.state_dict()["model.vae_encoder_pos_enc"].shape == (1, 6, 16)


def test_pictures_as_bytes_and_as_fractions_are_the_same_pictures() -> None:
    policy = build(config_of())
    observation = policy.config.fake_batch(2).observation
    fractions = {k: v.float() / 255 if v.dtype == torch.uint8 else v for k, v in observation.items()}
    assert_close(policy.predict(observation), policy.predict(fractions), rtol=0, atol=1e-5)


def test_channels_last_pictures_give_the_same_actions() -> None:
    policy = build(config_of())
    observation = policy.config.fake_batch(2).observation
    name = policy.config.cameras[0]
    turned = observation[name].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert_close(policy.predict({**observation, name: turned}), policy.predict(observation), rtol=0, atol=1e-5)


def test_the_latent_is_drawn_from_the_step_alone() -> None:
    policy = build(config_of(dropout=0)).train()
    batch = policy.config.fake_batch(2)
    torch.manual_seed(1)
    first = policy.loss(batch, Rng(0, 7)).total
    torch.manual_seed(2)
    assert torch.equal(first, policy.loss(batch, Rng(0, 7)).total)
    assert not torch.equal(first, policy.loss(batch, Rng(0, 8)).total)
    assert not torch.equal(first, policy.loss(batch, Rng(1, 7)).total)


def test_a_prediction_under_autocast_is_close_and_in_float32() -> None:
    policy = build(config_of())
    observation = policy.config.fake_batch(2).observation
    expected = policy.predict(observation)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = policy.predict(observation)
    assert_close(rounded, expected, rtol=0, atol=0.05)


def test_the_kl_part_is_computed_in_float32_under_autocast() -> None:
    policy = build(config_of(dropout=0)).train()
    batch = policy.config.fake_batch(2)
    exact = policy.loss(batch, Rng(0))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = policy.loss(batch, Rng(0))
    assert {part.dtype for part in rounded.parts.values()} == {torch.float32}
    for name, part in exact.parts.items():
        assert float(rounded.parts[name]) == pytest.approx(float(part), rel=0.02)


def test_initial_values_have_lerobots_distributions() -> None:
    policy = build(config_of(dim_model=64, n_heads=4))
    model = policy.model
    main, latent = model.encoder.layers[0], model.vae_encoder.layers[0]
    assert float(main.linear1.weight.detach().abs().max()) > 0.95 * (6 / (64 + 32)) ** 0.5  # Glorot
    assert float(latent.linear1.weight.detach().abs().max()) <= 1 / 64**0.5  # torch's own
    assert float(model.decoder_pos_embed.weight.detach().std()) == pytest.approx(1, abs=0.1)
    assert not main.self_attn.in_proj_bias.detach().any()
    assert main.linear1.bias.detach().any()


# -- the backbone's beginning -------------------------------------------------------------------------------------


def norms(policy: Act) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in policy.state_dict().items() if "running_" in k}


def test_a_random_backbone_is_told_of_and_its_norms_are_measured_once() -> None:
    policy = build(config_of())
    assert "random weights" in policy.warnings()[0]
    before = norms(policy)
    assert policy.calibrate([policy.config.fake_batch(2), policy.config.fake_batch(3, seed=1)]) == (
        "backbone norms measured on 5 frames"
    )
    measured = norms(policy)
    assert all(not torch.equal(before[k], measured[k]) for k in before)
    assert policy.calibrate([policy.config.fake_batch(2, seed=2)]) is None
    assert all(torch.equal(measured[k], v) for k, v in norms(policy).items())
    assert not policy.warnings()


def test_lerobots_norms_without_effect_can_be_had() -> None:
    policy = build(config_of(backbone_norms="identity"))
    before = norms(policy)
    assert policy.calibrate([policy.config.fake_batch(2)]) is None
    assert all(torch.equal(before[k], v) for k, v in norms(policy).items())
    assert "no effect" in policy.warnings()[0]


def test_cameras_of_different_size_are_measured_together() -> None:
    cameras = {
        "observation.images.a": Feature(type=FeatureType.VISUAL, shape=(3, 32, 32)),
        "observation.images.b": Feature(type=FeatureType.VISUAL, shape=(3, 48, 64)),
    }
    policy = build(config_of(input_features=cameras))
    assert policy.calibrate([policy.config.fake_batch(2)]) == "backbone norms measured on 4 frames"


def test_large_frames_are_measured_at_a_smaller_size_of_the_same_proportions(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[torch.Tensor] = []
    monkeypatch.setattr("understudy.policies.act.weights.CALIBRATION_PIXELS", 16 * 24)
    monkeypatch.setattr("understudy.policies.act.weights.measure_norms", lambda net, images: measured.append(images))
    policy = build(config_of(normalization_mapping={}))
    batches = [policy.config.fake_batch(2, seed=seed) for seed in range(3)]
    assert policy.calibrate(batches) == "backbone norms measured on 6 frames"
    frames = torch.cat([batch.observation[policy.config.cameras[0]] for batch in batches]).float() / 255
    halved = torch.nn.functional.interpolate(frames, (16, 24), mode="bilinear", antialias=True)
    assert frames.shape[-2:] == (32, 48)
    assert torch.equal(measured[0], halved)


def test_norms_measured_on_smaller_pictures_keep_full_size_maps_near_unit_scale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("understudy.policies.act.weights.CALIBRATION_PIXELS", 128 * 128)
    torch.manual_seed(2)
    pictures = torch.nn.functional.interpolate(torch.rand(6, 3, 16, 16), (256, 256), mode="bicubic") * 4 - 2
    config, net = config_of(), ResNet("resnet18")
    assert calibrate_backbone(net, [{config.cameras[0]: pictures}], config) == 6
    with torch.no_grad():
        assert 0.5 < float(net(pictures).std()) < 2.0


def test_a_policy_without_cameras_has_nothing_to_measure() -> None:
    environment = {"observation.environment_state": Feature(type=FeatureType.ENV, shape=(4,))}
    policy = build(config_of(input_features=environment))
    assert policy.calibrate([policy.config.fake_batch(2)]) is None
    assert not policy.warnings()
    assert [group["name"] for group in policy.param_groups()] == ["transformer"]


def keypoint_policy(**more: Any) -> Act:
    given = ActConfig.tiny().model_dump(exclude={"pretrained_backbone_weights"}) | {"vision_backbone": "keypoints"}
    return build(ActConfig.model_validate(given | more))


def test_a_keypoint_policy_says_so_in_its_checkpoint_and_comes_back_whole(tmp_path: Path) -> None:
    policy = keypoint_policy()
    save_pretrained(policy, tmp_path / "p")
    assert json.loads((tmp_path / "p/config.json").read_text())["vision_backbone"] == "keypoints"
    observation = policy.config.fake_batch(2).observation
    torch.testing.assert_close(
        load_policy(tmp_path / "p", "cpu").predict(observation), policy.predict(observation), atol=0, rtol=0
    )


def test_a_keypoint_policy_looks_at_its_camera_and_starts_without_a_word_about_weights() -> None:
    policy = keypoint_policy()
    batch = policy.config.fake_batch(2)
    other = {**batch.observation, "observation.images.front": 255 - batch.observation["observation.images.front"]}
    assert not torch.allclose(policy.predict(batch.observation), policy.predict(other))
    assert policy.warnings() == []
    assert policy.calibrate([batch]) is None
    assert [group["name"] for group in policy.param_groups()] == ["transformer"]


def test_keypoints_have_no_pretrained_weights_to_ask_for() -> None:
    with pytest.raises(ValidationError, match="no pretrained weights"):
        keypoint_policy(pretrained_backbone_weights="ResNet18_Weights.IMAGENET1K_V1")
    with pytest.raises(ValidationError, match="leave backbone_weights_file out"):
        keypoint_policy(backbone_weights_file="weights.safetensors")


def test_processes_that_share_a_batch_have_on_average_the_loss_of_the_whole() -> None:
    policy = build(config_of(dropout=0)).train()
    whole = policy.config.fake_batch(6, seed=1)
    whole.action_is_pad[0, 2:] = True
    whole.action_is_pad[4, 1:] = True
    steps = (~whole.action_is_pad).sum() / 3
    losses = []
    for rank in range(3):
        rows = slice(2 * rank, 2 * rank + 2)
        observation = {name: value[rows] for name, value in whole.observation.items()}
        part = Batch(observation, whole.action[rows], whole.action_is_pad[rows], valid_steps=steps)
        losses.append(policy.loss(part, Rng(3, 4, rank, 3)).total)
    assert_close(torch.stack(losses).mean(), policy.loss(whole, Rng(3, 4)).total)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_in_bf16_it_predicts_what_it_predicts_up_to_eight_bits(pre_norm: bool) -> None:
    config = ActConfig.model_validate(ActConfig.tiny().model_dump() | {"pre_norm": pre_norm})
    torch.manual_seed(0)
    policy = config.build(config.fake_statistics()).eval()
    policy.calibrate([config.fake_batch(4)])
    observation = config.fake_batch(3).observation
    exact = policy.predict(observation)
    with torch.autocast("cpu", torch.bfloat16):
        converted_anew = policy.predict(observation)
    policy.predict_in_bf16()
    rounded = policy.predict(observation)
    assert rounded.dtype == torch.float32

    def off(predicted: torch.Tensor) -> float:
        return float((predicted - exact).square().mean().sqrt() / exact.std())

    assert 0 < off(rounded) < 0.1
    assert off(rounded) == pytest.approx(off(converted_anew), rel=0.2)


def test_folding_norms_for_good_changes_no_prediction() -> None:
    config = ActConfig.tiny()
    torch.manual_seed(0)
    policy = config.build(config.fake_statistics()).eval()
    policy.calibrate([config.fake_batch(4)])
    observation = config.fake_batch(3).observation
    before = policy.predict(observation)
    policy.model.backbone.fold_norms()
    policy.model.backbone.fold_norms()  # twice is once
    assert_close(policy.predict(observation), before, rtol=1e-4, atol=1e-5)


def test_keypoints_are_not_rounded_to_bf16() -> None:
    with pytest.raises(ConfigError, match="finer than bf16"):
        keypoint_policy().predict_in_bf16()
