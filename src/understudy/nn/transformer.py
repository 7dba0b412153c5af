"""Transformer encoder and decoder with positions added in every layer, to queries and keys only (as in DETR and ACT).

Parameter names, their order and the arithmetic are those of torch's `nn.MultiheadAttention` and of LeRobot's ACT, so
that checkpoints and optimiser states pass both ways; batch first. Attention is torch's fused one, except with dropout
on a CPU: there torch has no fused one, and what it falls back to is slower than `_attend_with_dropout`.

    B batch, T tokens, Q queries, M memory tokens, D width, H heads
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.nn.dropout import Dropout
from understudy.nn.fast_paths import is_eager_on_cpu

Activation = Literal["relu", "gelu"]


@dataclass(frozen=True)
class Shape:
    """What all layers of a model have in common. `width` must be divisible by `heads`."""

    width: int
    heads: int
    feedforward: int
    dropout: float = 0.1
    activation: Activation = "relu"
    pre_norm: bool = False


class Attention(nn.Module):
    """Multi-head attention. `in_proj_weight` (3D, D) holds the projections of query, key and value, in that order."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = Dropout(shape.dropout)
        self.fast = True
        self.in_proj_weight = nn.Parameter(torch.empty(3 * shape.width, shape.width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * shape.width))
        self.out_proj = nn.Linear(shape.width, shape.width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, ignore: Tensor | None = None) -> Tensor:
        """query (B, Q, D), key and value (B, M, D), ignore (B, M) true where a key must not be seen -> (B, Q, D)."""
        q, k, v = (
            x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, H, T, D / H)
            for x in self._projected(query, key, value)
        )
        attend = None if ignore is None else ~ignore[:, None, None, :]
        dropout = self.dropout.p if self.training else 0.0
        if self.fast and dropout and is_eager_on_cpu(q):
            mixed = self._attend_with_dropout(q, k, v, attend)
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attend, dropout_p=dropout)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(-2))
        return out

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        if self.fast and query is key:  # self-attention: one product instead of two
            width = query.shape[-1]
            weights, biases = (x.split([2 * width, width]) for x in (self.in_proj_weight, self.in_proj_bias))
            return [*F.linear(query, weights[0], biases[0]).chunk(2, -1), F.linear(value, weights[1], biases[1])]
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]

    def _attend_with_dropout(self, q: Tensor, k: Tensor, v: Tensor, attend: Tensor | None) -> Tensor:
        """softmax(q k' / sqrt(d)) v, weights under dropout: q (B, H, Q, d), k and v (B, H, M, d) -> (B, H, Q, d)."""
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if attend is not None:
            scores = scores.masked_fill(~attend, float("-inf"))
        mixed: Tensor = self.dropout(scores.softmax(-1)).to(v.dtype) @ v
        return mixed


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.pre_norm = shape.pre_norm
        self.activation = F.gelu if shape.activation == "gelu" else F.relu
        self.dropout = Dropout(shape.dropout)
        self.self_attn = Attention(shape)
        self.linear1 = nn.Linear(shape.width, shape.feedforward)
        self.linear2 = nn.Linear(shape.feedforward, shape.width)
        self.norm1 = nn.LayerNorm(shape.width)
        self.norm2 = nn.LayerNorm(shape.width)

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward part, token by token."""
        return self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))  # type: ignore[no-any-return]

    def forward(self, x: Tensor, positions: Tensor, ignore: Tensor | None = None, first_only: bool = False) -> Tensor:
        """x (B, T, D), positions broadcastable to x, ignore (B, T) -> (B, T, D).

        first_only   what becomes of the first token is all that is asked for: -> (B, 1, D)
        """
        value = self.norm1(x) if self.pre_norm else x
        key = value + positions
        query = key
        if first_only:
            x, query = x[:, :1], key[:, :1]
        x = x + self.dropout(self.self_attn(query, key, value, ignore))
        if self.pre_norm:
            return x + self.feed(self.norm2(x))
        x = self.norm1(x)
        return self.norm2(x + self.feed(x))  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Self-attention among the queries, attention to the memory, then feed-forward. No causal mask."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.pre_norm = shape.pre_norm
        self.activation = F.gelu if shape.activation == "gelu" else F.relu
        self.dropout = Dropout(shape.dropout)
        self.self_attn = Attention(shape)
        self.multihead_attn = Attention(shape)
        self.linear1 = nn.Linear(shape.width, shape.feedforward)
        self.linear2 = nn.Linear(shape.feedforward, shape.width)
        self.norm1 = nn.LayerNorm(shape.width)
        self.norm2 = nn.LayerNorm(shape.width)
        self.norm3 = nn.LayerNorm(shape.width)

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward part, token by token."""
        return self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))  # type: ignore[no-any-return]

    def forward(self, x: Tensor, memory: Tensor, query_positions: Tensor, memory_positions: Tensor) -> Tensor:
        """x (B, Q, D), memory (B, M, D), both positions broadcastable -> (B, Q, D)."""
        u, keys = query_positions, memory + memory_positions
        if self.pre_norm:
            h = self.norm1(x)
            q = h + u
            x = x + self.dropout(self.self_attn(q, q, h))
            x = x + self.dropout(self.multihead_attn(self.norm2(x) + u, keys, memory))
            return x + self.feed(self.norm3(x))
        q = x + u
        x = self.norm1(x + self.dropout(self.self_attn(q, q, x)))
        x = self.norm2(x + self.dropout(self.multihead_attn(x + u, keys, memory)))
        return self.norm3(x + self.feed(x))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """A stack of encoder layers; with `pre_norm` a last norm closes it, otherwise there is none."""

    def __init__(self, layers: int, shape: Shape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(layers))
        self.norm = nn.LayerNorm(shape.width) if shape.pre_norm else nn.Identity()
        self.fast = True

    def forward(self, x: Tensor, positions: Tensor, ignore: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D); `positions` are added in every layer."""
        for layer in self.layers:
            x = layer(x, positions, ignore)
        return self.norm(x)  # type: ignore[no-any-return]

    def first(self, x: Tensor, positions: Tensor, ignore: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, D): what becomes of the first token. The last layer need not compute the others."""
        if not self.fast:
            return self(x, positions, ignore)[:, 0]  # type: ignore[no-any-return]
        for layer in self.layers[:-1]:
            x = layer(x, positions, ignore)
        for layer in self.layers[-1:]:
            x = layer(x, positions, ignore, first_only=True)
        return self.norm(x)[:, 0]  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """A stack of decoder layers, always closed by a norm."""

    def __init__(self, layers: int, shape: Shape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(layers))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor, memory: Tensor, query_positions: Tensor, memory_positions: Tensor) -> Tensor:
        """x (B, Q, D), memory (B, M, D) -> (B, Q, D)."""
        for layer in self.layers:
            x = layer(x, memory, query_positions, memory_positions)
        return self.norm(x)  # type: ignore[no-any-return]


def xavier_uniform_matrices(module: nn.Module) -> None:
    """Give every tensor of two or more dimensions Glorot's uniform distribution; vectors stay as they are."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
