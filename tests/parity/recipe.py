"""Weights and inputs that two programs can make alike from names and seeds alone, without exchanging a file.

Imports numpy and torch only: it runs in our environment and in LeRobot's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch

KEPT_AS_COMPUTED = "model.vae_encoder_pos_enc"


def drawn_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """A value for every state-dict entry but the computed position table, drawn from a seed made of its name.

    Scaled so that attention is not uniform: with small weights the checks would be blind to positions.
    """
    drawn = {}
    for name, shape in shapes.items():
        if name == KEPT_AS_COMPUTED:
            continue
        rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        n = rng.standard_normal(tuple(shape))
        last = name.rsplit(".", 1)[-1]
        if last == "running_var":
            value = 1 + 0.1 * np.abs(n)
        elif last == "running_mean":
            value = 0.1 * n
        elif n.ndim >= 2:
            value = n / np.sqrt(np.prod(shape[1:]))
        elif last == "weight":
            value = 1 + 0.1 * n
        else:
            value = 0.1 * n
        drawn[name] = torch.from_numpy(value.astype(np.float32))
    return drawn


def drawn_inputs(
    cameras: Mapping[str, tuple[int, int]], *, environment: int, chunk: int, latent: int, seed: int = 0, batch: int = 2
) -> dict[str, torch.Tensor]:
    """Observations, actions, `action_is_pad` and the latent's `noise`; numbers on the network's scale, in float32."""
    rng = np.random.Generator(np.random.PCG64(seed))

    def draw(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))

    inputs = {f"observation.images.{name}": draw(batch, 3, *size) for name, size in cameras.items()}
    inputs["observation.state"] = draw(batch, 6)
    if environment:
        inputs["observation.environment_state"] = draw(batch, environment)
    inputs["action"] = draw(batch, chunk, 6)
    inputs["noise"] = draw(batch, latent)
    padded = torch.zeros(batch, chunk, dtype=torch.bool)
    padded[1, -3:] = True
    inputs["action_is_pad"] = padded
    return inputs
