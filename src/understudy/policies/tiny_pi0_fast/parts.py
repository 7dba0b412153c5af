"""What both ways of writing a chunk have in common."""

from __future__ import annotations

from understudy.nn.token_decoder import TokenDecoder
from understudy.nn.transformer import Shape
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig


def token_decoder(config: TinyPi0FastConfig) -> TokenDecoder:
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
