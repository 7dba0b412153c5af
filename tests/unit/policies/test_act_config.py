"""ActConfig: LeRobot's keys in LeRobot's order, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from understudy.core.errors import ConfigError
from understudy.data.spec import DatasetSpec, FeatureSpec, FeatureType
from understudy.policies.act.config import ActConfig
from understudy.policies.config import Feature

# config.json of LeRobot 0.4.4, which refuses any other key
KEYS = [
    "type",
    "n_obs_steps",
    "input_features",
    "output_features",
    "device",
    "use_amp",
    "use_peft",
    "push_to_hub",
    "repo_id",
    "private",
    "tags",
    "license",
    "pretrained_path",
    "chunk_size",
    "n_action_steps",
    "normalization_mapping",
    "vision_backbone",
    "pretrained_backbone_weights",
    "replace_final_stride_with_dilation",
    "pre_norm",
    "dim_model",
    "n_heads",
    "dim_feedforward",
    "feedforward_activation",
    "n_encoder_layers",
    "n_decoder_layers",
    "use_vae",
    "latent_dim",
    "n_vae_encoder_layers",
    "temporal_ensemble_coeff",
    "dropout",
    "kl_weight",
    "optimizer_lr",
    "optimizer_weight_decay",
    "optimizer_lr_backbone",
]


def spec(*features: FeatureSpec) -> DatasetSpec:
    action = FeatureSpec("action", FeatureType.ACTION, (6,))
    return DatasetSpec({feature.name: feature for feature in (*features, action)}, fps=30)


FRONT = FeatureSpec("observation.images.front", FeatureType.VISUAL, (3, 48, 64))
STATE = FeatureSpec("observation.state", FeatureType.STATE, (6,))


def test_config_json_has_exactly_lerobots_keys_in_its_order() -> None:
    assert list(ActConfig().lerobot_json()) == KEYS
    own = {"loss_normalization", "backbone_weights_file", "backbone_norms"}
    assert set(ActConfig().own_json()) == own


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_obs_steps": 2}, "n_obs_steps must be 1"),
        ({"chunk_size": 10}, "n_action_steps=10 too"),
        ({"chunk_size": 0, "n_action_steps": 0}, "greater than or equal to 1"),
        ({"temporal_ensemble_coeff": 0.01}, "n_action_steps=1"),
        ({"dim_model": 100, "n_heads": 8}, "divisible by n_heads"),
        ({"dim_model": 6, "n_heads": 1}, "divisible by 4"),
        ({"vision_backbone": "resnet20"}, "resnet18, resnet34"),
        ({"vision_backbone": "vit_b_16"}, "must be one of"),
        ({"vision_backbone": "resnet34"}, "ResNet34_Weights.IMAGENET1K_V1"),
        ({"pretrained_backbone_weights": "ResNet18_Weights.IMAGENET1K_V2"}, "does not belong"),
        ({"replace_final_stride_with_dilation": True}, "resnet50 or larger"),
        ({"feedforward_activation": "glu"}, "halves the width"),
        ({"feedforward_activation": "swish"}, "relu"),
        ({"normalization_mapping": {"STATE": "ZSCORE"}}, "MEAN_STD"),
        ({"normalization_mapping": {"POSE": "MEAN_STD"}}, "no kind of feature"),
        ({"dropout": 1.0}, "less than 1"),
        ({"chunk_sze": 5}, "chunk_sze"),
        ({"optimizer_lr": -1e-5}, "greater than or equal to 0"),
    ],
)
def test_an_impossible_option_is_refused_in_words(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ActConfig(**options)


def test_whole_numbers_and_truth_values_are_taken_where_lerobot_takes_them() -> None:
    config = ActConfig.model_validate(
        {
            "kl_weight": 10,
            "dropout": 0,
            "replace_final_stride_with_dilation": 1,
            "vision_backbone": "resnet50",
            "pretrained_backbone_weights": "DEFAULT",
        }
    )
    assert config.kl_weight == 10.0
    assert config.replace_final_stride_with_dilation is True
    assert ActConfig(temporal_ensemble_coeff=0, n_action_steps=1).temporal_ensemble_coeff == 0.0


@pytest.mark.parametrize(
    ("backbone", "weights"),
    [
        ("resnet18", "ResNet18_Weights.IMAGENET1K_V1"),
        ("resnet18", "IMAGENET1K_V1"),
        ("resnet50", "ResNet50_Weights.IMAGENET1K_V2"),
        ("resnet152", "ResNet152_Weights.DEFAULT"),
        ("resnet101", None),
    ],
)
def test_torchvisions_names_of_weights_are_known(backbone: str, weights: str | None) -> None:
    assert ActConfig(vision_backbone=backbone, pretrained_backbone_weights=weights).vision_backbone == backbone


def test_a_local_file_stays_out_of_config_json_which_lerobot_would_hand_to_torchvision() -> None:
    config = ActConfig(pretrained_backbone_weights="/weights/resnet18.safetensors")
    assert config.backbone_weights_file == Path("/weights/resnet18.safetensors")
    assert config.lerobot_json()["pretrained_backbone_weights"] is None
    assert config.own_json()["backbone_weights_file"] == "/weights/resnet18.safetensors"


def test_features_are_taken_from_the_dataset_in_its_order() -> None:
    wrist = FeatureSpec("observation.images.wrist", FeatureType.VISUAL, (3, 20, 20))
    config = ActConfig().with_features(spec(wrist, STATE, FRONT))
    assert config.cameras == ["observation.images.wrist", "observation.images.front"]
    assert config.state is not None
    assert config.output_features["action"].shape == (6,)


def test_features_given_before_are_kept_and_a_camera_may_have_another_size() -> None:
    given = {"observation.images.front": Feature(type=FeatureType.VISUAL, shape=(3, 480, 640))}
    config = ActConfig(input_features=given).with_features(spec(FRONT, STATE))
    assert list(config.input_features) == ["observation.images.front"]
    assert config.input_features["observation.images.front"].shape == (3, 48, 64)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Feature(type=FeatureType.STATE, shape=(7,)), r"\[7\], but in the dataset it is STATE \[6\]"),
        (Feature(type=FeatureType.ENV, shape=(6,)), "as ENV"),
    ],
)
def test_a_feature_that_differs_from_the_datasets_is_refused(feature: Feature, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ActConfig(input_features={"observation.state": feature}).with_features(spec(FRONT, STATE))


def test_a_feature_the_dataset_lacks_is_refused_with_those_it_has() -> None:
    given = {"observation.images.top": Feature(type=FeatureType.VISUAL, shape=(3, 48, 64))}
    with pytest.raises(ConfigError, match=r"observation\.images\.top") as caught:
        ActConfig(input_features=given).with_features(spec(FRONT, STATE))
    assert "observation.images.front" in str(caught.value.hint)
    assert "--rename_map" in str(caught.value.hint)


def test_a_dataset_without_camera_and_environment_cannot_be_learnt() -> None:
    with pytest.raises(ConfigError, match=r"needs a camera or `observation\.environment_state`"):
        ActConfig().with_features(spec(STATE))
    environment = FeatureSpec("observation.environment_state", FeatureType.ENV, (4,))
    assert ActConfig().with_features(spec(STATE, environment)).environment is not None


def test_a_state_of_another_name_is_not_looked_at() -> None:
    velocity = FeatureSpec("observation.velocity", FeatureType.STATE, (6,))
    config = ActConfig().with_features(spec(FRONT, velocity))
    assert config.state is None
    assert "observation.velocity" in config.input_features
    assert "observation.velocity" not in config.modes()


def test_the_normalisation_of_a_feature_follows_from_its_kind() -> None:
    environment = FeatureSpec("observation.environment_state", FeatureType.ENV, (4,))
    config = ActConfig(normalization_mapping={"VISUAL": "IDENTITY", "STATE": "MIN_MAX", "ACTION": "MEAN_STD"})
    assert config.with_features(spec(FRONT, STATE, environment)).modes() == {
        "observation.images.front": "IDENTITY",
        "observation.state": "MIN_MAX",
        "observation.environment_state": "IDENTITY",
        "action": "MEAN_STD",
    }
