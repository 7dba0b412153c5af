"""Small ACT models that both programs build: options in LeRobot's words, features, and raw inputs drawn from seeds.

Imports numpy and torch only: it runs in our environment and in LeRobot's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_SMALL: dict[str, Any] = {
    "pretrained_backbone_weights": None,
    "device": "cpu",
    "dropout": 0.0,
    "dim_model": 32,
    "n_heads": 4,
    "dim_feedforward": 48,
    "n_encoder_layers": 2,
    "n_vae_encoder_layers": 1,
    "latent_dim": 6,
    "chunk_size": 7,
    "n_action_steps": 7,
    "optimizer_lr": 1e-4,
    "optimizer_lr_backbone": 1e-5,
}
_STATE = {"observation.state": ("STATE", (6,))}
_ENVIRONMENT = {"observation.environment_state": ("ENV", (4,))}
_FRONT = {"observation.images.front": ("VISUAL", (3, 64, 96))}
_WRIST = {"observation.images.wrist_cam": ("VISUAL", (3, 48, 64))}
ACTION = {"action": ("ACTION", (5,))}

# name -> (options, input features)
CASES: dict[str, tuple[dict[str, Any], dict[str, tuple[str, tuple[int, ...]]]]] = {
    "plain": (_SMALL, {**_FRONT, **_STATE}),
    "everything": (
        {
            **_SMALL,
            "pre_norm": True,
            "feedforward_activation": "gelu",
            "n_decoder_layers": 2,
            "normalization_mapping": {
                "VISUAL": "MEAN_STD",
                "STATE": "MIN_MAX",
                "ENV": "MIN_MAX",
                "ACTION": "QUANTILES",
            },
        },
        {**_FRONT, **_WRIST, **_STATE, **_ENVIRONMENT},
    ),
    "dilated": (
        {
            **_SMALL,
            "vision_backbone": "resnet50",
            "replace_final_stride_with_dilation": True,
            "use_vae": False,
            "normalization_mapping": {"VISUAL": "MIN_MAX", "STATE": "IDENTITY", "ACTION": "QUANTILE10"},
        },
        {**_WRIST, **_STATE},
    ),
    "blind": (_SMALL, {**_STATE, **_ENVIRONMENT}),
}
# options that change only how chunks are executed, on top of `plain`
EXECUTION: dict[str, dict[str, Any]] = {
    "queue": {"n_action_steps": 3},
    "ensemble": {"n_action_steps": 1, "temporal_ensemble_coeff": 0.01},
}
CONTROL_STEPS = 9
TRAINING_STEPS = 20


def drawn_statistics(case: str) -> dict[str, dict[str, np.ndarray]]:
    """Statistics of every feature, and of one that no policy uses; images per channel (3, 1, 1)."""
    rng = np.random.Generator(np.random.PCG64(7))
    statistics = {}
    for name, (kind, shape) in {**CASES[case][1], **ACTION, "timestamp": ("", (1,))}.items():
        of = (3, 1, 1) if kind == "VISUAL" else shape
        mean, std = rng.uniform(0.3, 0.6, of), rng.uniform(0.2, 0.4, of)
        points = {"min": -3.0, "q01": -2.3, "q10": -1.3, "q50": 0.0, "q90": 1.3, "q99": 2.3, "max": 3.0}
        values = {"mean": mean, "std": std, **{key: mean + z * std for key, z in points.items()}}
        statistics[name] = {key: value.astype(np.float32) for key, value in values.items()}
        statistics[name]["count"] = np.array([100.0], np.float32)
    return statistics


def drawn_batch(case: str, seed: int, size: int = 3) -> dict[str, torch.Tensor]:
    """Raw windows: images uint8, vectors in the dataset's units, `action`, `action_is_pad`, the latent's `noise`."""
    options, features = CASES[case]
    rng = np.random.Generator(np.random.PCG64(seed))
    batch = {}
    for name, (kind, shape) in features.items():
        if kind == "VISUAL":
            batch[name] = torch.from_numpy(rng.integers(0, 256, (size, *shape), dtype=np.uint8))
        else:
            batch[name] = torch.from_numpy(rng.uniform(-0.5, 1.5, (size, *shape)).astype(np.float32))
    chunk = options["chunk_size"]
    batch["action"] = torch.from_numpy(rng.uniform(-0.5, 1.5, (size, chunk, *ACTION["action"][1])).astype(np.float32))
    batch["noise"] = torch.from_numpy(rng.standard_normal((size, options["latent_dim"])).astype(np.float32))
    batch["action_is_pad"] = torch.zeros(size, chunk, dtype=torch.bool)
    batch["action_is_pad"][-1, -3:] = True
    return batch
