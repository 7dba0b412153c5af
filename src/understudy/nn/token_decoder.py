"""A transformer that writes a sequence token by token: each place sees itself and those before it.

Parameter names, order and arithmetic are those of torch's `nn.TransformerDecoder`, as far as there is a memory; batch
first. Attention is written out: sequences of some twenty tokens gain nothing by a fused one, which has no rule for many
networks at once (`torch.func.vmap`) and, on a CPU, none for dropout.

When writing, keys and values of earlier places are kept (`Past`), so that each new token costs one place, not all.

    B batch, T tokens, D width, H heads
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.nn.dropout import Dropout
from understudy.nn.transformer import Shape


class Past:
    """Keys and values (B, H, T, D / H) of the places that one layer has seen."""

    def __init__(self) -> None:
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def extended(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Those of all places so far, after adding those of new ones."""
        if self._keys is not None and self._values is not None:
            keys, values = torch.cat([self._keys, keys], 2), torch.cat([self._values, values], 2)
        self._keys, self._values = keys, values
        return keys, values


class _Projections(nn.Module):
    """The parameters of torch's `nn.MultiheadAttention`: query, key and value stacked, and the way out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = Dropout(shape.dropout)
        self.in_proj_weight = nn.Parameter(torch.empty(3 * shape.width, shape.width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * shape.width))
        self.out_proj = nn.Linear(shape.width, shape.width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def in_heads(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, D / H)."""
        split: Tensor = x.unflatten(-1, (self.heads, -1))
        return split.transpose(-3, -2)


class CausalAttention(_Projections):
    """Self-attention in which no place sees a later one."""

    def forward(self, x: Tensor, hidden: Tensor | None = None, past: Past | None = None) -> Tensor:
        """x (B, T, D); hidden (B, T) true where a place must not be seen; past: x are the places after those in it."""
        projected = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        q, k, v = (self.in_heads(part) for part in projected)
        if past is not None:
            k, v = past.extended(k, v)
        new, seen = q.shape[-2], k.shape[-2]
        # place i of the new ones is place seen - new + i of all
        later = torch.ones(new, seen, dtype=torch.bool, device=x.device).triu(seen - new + 1)
        if hidden is not None:
            later = later | hidden[..., None, None, :]
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        weights = scores.masked_fill(later, float("-inf")).softmax(-1)
        mixed = self.dropout(weights) @ v
        out: Tensor = self.out_proj(mixed.transpose(-3, -2).flatten(-2))
        return out


class OneTokenAttention(_Projections):
    """Attention to a memory of one token, whose weight is 1 whatever query and key are: they are never computed.

    Two thirds of `in_proj_weight` are therefore dead. They are there because published weights have them.
    """

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """x (B, T, D), memory (B, 1, D) -> what each place gets, (B, T, D)."""
        width = x.shape[-1]
        value = self.in_heads(F.linear(memory, self.in_proj_weight[2 * width :], self.in_proj_bias[2 * width :]))
        weights = self.dropout(torch.ones_like(self.in_heads(x)[..., :1]))
        out: Tensor = self.out_proj((weights * value).transpose(-3, -2).flatten(-2))
        return out


class TokenLayer(nn.Module):
    """Causal self-attention, attention to the memory where there is one, feed-forward."""

    def __init__(self, shape: Shape, *, has_memory: bool) -> None:
        super().__init__()
        self.pre_norm = shape.pre_norm
        self.activation = F.gelu if shape.activation == "gelu" else F.relu
        self.dropout = Dropout(shape.dropout)
        self.self_attn = CausalAttention(shape)
        if has_memory:
            self.multihead_attn = OneTokenAttention(shape)
        self.linear1 = nn.Linear(shape.width, shape.feedforward)
        self.linear2 = nn.Linear(shape.feedforward, shape.width)
        self.norm1 = nn.LayerNorm(shape.width)
        self.norm2 = nn.LayerNorm(shape.width)
        if has_memory:
            self.norm3 = nn.LayerNorm(shape.width)

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward part, place by place."""
        return self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))  # type: ignore[no-any-return]

    def forward(self, x: Tensor, memory: Tensor | None, hidden: Tensor | None, past: Past | None) -> Tensor:
        """x (B, T, D), memory (B, 1, D), hidden (B, T) -> (B, T, D)."""
        if self.pre_norm:
            x = x + self.dropout(self.self_attn(self.norm1(x), hidden, past))
            if memory is None:
                return x + self.feed(self.norm2(x))
            x = x + self.dropout(self.multihead_attn(self.norm2(x), memory))
            return x + self.feed(self.norm3(x))
        x = self.norm1(x + self.dropout(self.self_attn(x, hidden, past)))
        if memory is None:
            return self.norm2(x + self.feed(x))  # type: ignore[no-any-return]
        x = self.norm2(x + self.dropout(self.multihead_attn(x, memory)))
        return self.norm3(x + self.feed(x))  # type: ignore[no-any-return]


class TokenDecoder(nn.Module):
    """A stack of layers; with norms before the parts a last norm closes it, otherwise there is none."""

    def __init__(self, layers: int, shape: Shape, *, has_memory: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TokenLayer(shape, has_memory=has_memory) for _ in range(layers))
        self.norm = nn.LayerNorm(shape.width) if shape.pre_norm else nn.Identity()

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        hidden: Tensor | None = None,
        past: list[Past] | None = None,
    ) -> Tensor:
        """x (B, T, D), memory (B, 1, D), hidden (B, T) true where a place must not be seen -> (B, T, D).

        past   from `nothing_yet` at the first call: x are then the places after those of the calls before
        """
        for number, layer in enumerate(self.layers):
            x = layer(x, memory, hidden, None if past is None else past[number])
        return self.norm(x)  # type: ignore[no-any-return]

    def nothing_yet(self) -> list[Past]:
        """What the layers have seen before the first token."""
        return [Past() for _ in self.layers]
