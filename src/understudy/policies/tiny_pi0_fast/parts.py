"""What both ways of writing a chunk have in common: how the state is read, and how a token is chosen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from understudy.core.rng import Rng
from understudy.data.spec import STATE
from understudy.nn.dropout import Dropout
from understudy.nn.token_decoder import TokenDecoder
from understudy.nn.transformer import Shape
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig


def state_reader(config: TinyPi0FastConfig, width: int) -> nn.Module:
    """State (B, N) -> (B, width): one linear map, or hidden layers of width `dim_state` before it."""
    size = config.input_features[STATE].shape[0]
    layers: list[nn.Module] = []
    for _ in range(config.n_state_layers):
        layers += [nn.Linear(size, config.dim_state), nn.GELU(approximate="tanh")]
        size = config.dim_state
    last = nn.Linear(size, width)
    return nn.Sequential(*layers, last) if layers else last


def decoder(config: TinyPi0FastConfig) -> TokenDecoder:
    """The transformer; with a memory where the state is seen by cross-attention."""
    shape = Shape(
        width=config.dim_model,
        heads=config.n_heads,
        feedforward=config.dim_feedforward,
        dropout=config.dropout,
        activation="gelu",
        pre_norm=config.pre_norm,
    )
    return TokenDecoder(config.n_layers, shape, has_memory=config.state_conditioning == "cross_attention")


def state_dropout(config: TinyPi0FastConfig) -> Dropout:
    """Dropout on the state's token."""
    return Dropout(config.state_dropout)


def choose(logits: Tensor, temperature: float, rng: Rng, place: int) -> Tensor:
    """(..., V) -> (...): the likeliest, or with a temperature above 0 a draw that belongs to `place` (Gumbel's way)."""
    if not temperature:
        return logits.argmax(-1)
    generator = rng.torch(f"token {place}", logits.device)
    uniform = torch.rand(logits.shape, generator=generator, device=logits.device).clamp_(1e-20)
    return (logits / temperature - (-uniform.log()).log()).argmax(-1)
