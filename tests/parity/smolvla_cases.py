"""A small SmolVLA, its weights and its inputs, drawn from names and seeds: the same numbers in any program.

Imports numpy and torch only: it runs in our environment and in LeRobot's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

BATCH, CHUNK, PADDED, OWN = 2, 8, 8, 6
TIMES = (0.25, 0.9)
TOKENS = ((5, 17, 300, 44, 9, 2, 2), (7, 8, 9, 10, 11, 12, 13))
TOKEN_MASK = ((True,) * 5 + (False,) * 2, (True,) * 7)
# (height, width) of the two cameras' pictures
CAMERAS = {"image_a": (48, 64), "image_b": (80, 40)}
# sizes of the vision-language model, in our words
SHAPE: dict[str, Any] = {
    "text_width": 64,
    "text_mlp": 160,
    "text_layers": 6,
    "heads": 4,
    "kv_heads": 2,
    "head_width": 16,
    "vocabulary": 512,
    "vision_width": 32,
    "vision_mlp": 64,
    "vision_layers": 2,
    "vision_heads": 2,
    "image_size": 64,
    "patch_size": 16,
    "shuffle": 2,
    "fake_token": 501,
    "global_token": 502,
}
# those of SmolVLM2-500M-Video-Instruct
FULL: dict[str, Any] = {
    "text_width": 960,
    "text_mlp": 2560,
    "text_layers": 32,
    "heads": 15,
    "kv_heads": 5,
    "head_width": 64,
    "vocabulary": 49280,
    "vision_width": 768,
    "vision_mlp": 3072,
    "vision_layers": 12,
    "vision_heads": 12,
    "image_size": 512,
    "patch_size": 16,
    "shuffle": 4,
}
# options, in LeRobot's words
OPTIONS: dict[str, Any] = {
    "device": "cpu",
    "chunk_size": CHUNK,
    "n_action_steps": CHUNK,
    "max_state_dim": PADDED,
    "max_action_dim": PADDED,
    "resize_imgs_with_padding": [64, 64],
    "num_vlm_layers": 4,
}
FEATURES: dict[str, tuple[str, tuple[int, ...]]] = {
    **{f"observation.images.{name}": ("VISUAL", (3, *size)) for name, size in CAMERAS.items()},
    "observation.state": ("STATE", (OWN,)),
}
ACTION: dict[str, tuple[str, tuple[int, ...]]] = {"action": ("ACTION", (OWN,))}
_NORMS = ("layernorm", "layer_norm1", "layer_norm2", "norm")


def drawn(name: str) -> np.random.Generator:
    """The generator that belongs to `name`."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def drawn_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """A value for every parameter, by its name: small normal numbers, and around 1 for the weights of norms."""
    weights = {}
    for name, shape in shapes.items():
        owner, _, last = name.rpartition(".")
        value = torch.from_numpy((drawn(name).standard_normal(tuple(shape)) * 0.02).astype(np.float32))
        weights[name] = 1 + value if last == "weight" and owner.endswith(_NORMS) else value
    return weights


def drawn_inputs() -> dict[str, torch.Tensor]:
    """state, action, noise, and the two pictures in 0..1."""
    inputs = {
        "state": drawn("state").standard_normal((BATCH, OWN)),
        "action": drawn("action").standard_normal((BATCH, CHUNK, OWN)),
        "noise": drawn("noise").standard_normal((BATCH, CHUNK, PADDED)),
        **{name: drawn(name).random((BATCH, 3, *size)) for name, size in CAMERAS.items()},
    }
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in inputs.items()}


def drawn_aloha() -> torch.Tensor:
    """(4, 14): what ALOHA tells of its joints, grippers between closed and open."""
    return torch.from_numpy(drawn("aloha").random((4, 14)).astype(np.float32))


# -- raw windows, through both programs' processors -----------------------------------------------------------------

TRAINING_STEPS = 20
TASKS = ("pick up the red cube", "put the cube into the box\n", "öffne die Schublade, then close it again")
# cut off at 16 tokens, line break and all
LONG_TASK = "pick up the red cube, turn around three times, and put it where it was before, slowly"


def drawn_statistics() -> dict[str, dict[str, np.ndarray]]:
    """Statistics of every feature; pictures per channel (3, 1, 1)."""
    statistics = {}
    for name, (kind, shape) in {**FEATURES, **ACTION}.items():
        of = (3, 1, 1) if kind == "VISUAL" else shape
        rng = drawn(f"statistics of {name}")
        values = {"mean": rng.uniform(0.3, 0.6, of), "std": rng.uniform(0.2, 0.4, of), "count": np.array([100.0])}
        statistics[name] = {key: value.astype(np.float32) for key, value in values.items()}
    return statistics


def drawn_batch(seed: int, size: int = 3) -> dict[str, Any]:
    """Pictures uint8, vectors in the dataset's units, `action_is_pad`, `noise` and `time` of the flow, `task`."""
    rng = drawn(f"batch {seed}")
    batch: dict[str, Any] = {}
    for name, (kind, shape) in FEATURES.items():
        if kind == "VISUAL":
            batch[name] = torch.from_numpy(rng.integers(0, 256, (size, *shape), dtype=np.uint8))
        else:
            batch[name] = torch.from_numpy(rng.uniform(-0.5, 1.5, (size, *shape)).astype(np.float32))
    batch["action"] = torch.from_numpy(rng.uniform(-0.5, 1.5, (size, CHUNK, OWN)).astype(np.float32))
    batch["action_is_pad"] = torch.zeros(size, CHUNK, dtype=torch.bool)
    batch["action_is_pad"][-1, -3:] = True
    batch["noise"] = torch.from_numpy(rng.standard_normal((size, CHUNK, PADDED)).astype(np.float32))
    batch["time"] = torch.from_numpy(rng.uniform(0.001, 1, size).astype(np.float32))
    batch["task"] = [TASKS[(seed + row) % len(TASKS)] for row in range(size)]
    return batch
