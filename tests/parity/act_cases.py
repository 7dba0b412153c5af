"""The four configurations of the recorded check values, and ours built from them."""

from __future__ import annotations

from typing import Any

import torch

from parity.recipe import drawn_inputs, drawn_weights
from understudy.core.rng import Rng
from understudy.data.spec import Batch, FeatureType
from understudy.policies.act.config import ActConfig
from understudy.policies.act.model import Act
from understudy.policies.config import Feature

_SMALL: dict[str, Any] = {
    "dim_model": 64,
    "n_heads": 8,
    "dim_feedforward": 128,
    "n_encoder_layers": 2,
    "n_vae_encoder_layers": 2,
    "latent_dim": 8,
    "chunk_size": 10,
    "n_action_steps": 10,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "A": _SMALL,
    "B": {},
    "C": {**_SMALL, "n_heads": 4, "n_decoder_layers": 2, "pre_norm": True, "feedforward_activation": "gelu"},
    "D": {**_SMALL, "use_vae": False},
}
CAMERAS: dict[str, dict[str, tuple[int, int]]] = {
    "A": {"front": (96, 96)},
    "B": {"front": (96, 96)},
    "C": {"front": (96, 96), "wrist": (64, 128)},
    "D": {"front": (96, 96)},
}
ENVIRONMENT = {"A": 0, "B": 0, "C": 4, "D": 0}


def config_of(case: str, **options: Any) -> ActConfig:
    """The configuration of `case`, dropout off, numbers taken as already normalised."""
    features = {
        f"observation.images.{name}": Feature(type=FeatureType.VISUAL, shape=(3, *size))
        for name, size in CAMERAS[case].items()
    }
    features["observation.state"] = Feature(type=FeatureType.STATE, shape=(6,))
    if ENVIRONMENT[case]:
        features["observation.environment_state"] = Feature(type=FeatureType.ENV, shape=(ENVIRONMENT[case],))
    fixed = {"dropout": 0.0, "pretrained_backbone_weights": None, "normalization_mapping": {}}
    return ActConfig(
        input_features=features,
        output_features={"action": Feature(type=FeatureType.ACTION, shape=(6,))},
        **{**OPTIONS[case], **fixed, **options},
    )


def policy_of(case: str, **options: Any) -> Act:
    """Our policy of `case` with the recipe's weights, in train mode."""
    policy = config_of(case, **options).skeleton({})
    shapes = {name: tensor.shape for name, tensor in policy.state_dict().items()}
    policy.load_state_dict(drawn_weights(shapes), strict=False)
    return policy.train()


def batch_of(case: str, seed: int = 0) -> tuple[Batch, torch.Tensor]:
    """The inputs of `case` as a batch, and the latent's noise."""
    config = config_of(case)
    inputs = drawn_inputs(
        CAMERAS[case],
        environment=ENVIRONMENT[case],
        chunk=config.chunk_size,
        latent=config.latent_dim,
        seed=seed,
    )
    noise, action, is_pad = (inputs.pop(name) for name in ("noise", "action", "action_is_pad"))
    return Batch(inputs, action, is_pad), noise


def with_noise(policy: Act, noise: torch.Tensor) -> Act:
    """The policy made to draw `noise` for its latent."""

    def fixed(rng: Rng, like: torch.Tensor) -> torch.Tensor:
        assert noise.shape == like.shape
        return noise

    policy.latent_noise = fixed  # type: ignore[method-assign]
    return policy
