"""Two transformers side by side: a language model reads, and an action expert looks at what it has read.

The reader never sees the actions, so it runs once and leaves a `Memory`, its keys and values in every layer. Whatever
comes later (the robot's state, then the actions at each step of a flow) attends to that memory. So the memory of
pictures and words can be made once and kept, without a gradient, while the expert is trained.

Parameter names are those of Hugging Face's Llama, which LeRobot's SmolVLA keeps.

    B batch, T tokens, P tokens in memory, D width, H query heads, G key and value heads, d width of a head
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.nn.bf16 import FreezableLinear
from understudy.nn.fast_paths import is_eager_on_cpu
from understudy.nn.recompute import Recomputing

# of the rotation, whatever the language model was trained with: LeRobot's SmolVLA and pi0 both have it
_BASE = 10_000.0


@dataclass(frozen=True)
class StreamShape:
    """Sizes of a stream. Two streams that share a memory have the same heads; `mlp` is the gated layers' width."""

    width: int
    mlp: int
    heads: int
    kv_heads: int
    head: int
    layers: int
    eps: float = 1e-5


class Memory(NamedTuple):
    """What later tokens may look at.

    keys, values   for each layer (B, P, G, d); the keys are rotated
    valid          (B, P) bool, false for padding
    """

    keys: list[Tensor]
    values: list[Tensor]
    valid: Tensor

    @property
    def length(self) -> Tensor:
        """(B,) how many tokens there are without padding: the position of the next one."""
        return self.valid.sum(-1)

    def packed(self) -> Tensor:
        """All of it as one tensor, (B, P, layers * 2 * G * d + 1)."""
        numbers = [x.flatten(2) for pair in zip(self.keys, self.values, strict=True) for x in pair]
        return torch.cat([*numbers, self.valid[..., None].to(numbers[0].dtype)], -1)

    @classmethod
    def unpacked(cls, packed: Tensor, kv_heads: int, head: int) -> Memory:
        """The memory whose `packed` this is, with G and d as given."""
        parts = packed[..., :-1].unflatten(-1, (-1, kv_heads, head)).unbind(2)
        return cls(list(parts[0::2]), list(parts[1::2]), packed[..., -1] > 0)

    def then(self, later: Memory) -> Memory:
        """This memory with the tokens of `later` behind it."""
        return Memory(
            [torch.cat(pair, 1) for pair in zip(self.keys, later.keys, strict=True)],
            [torch.cat(pair, 1) for pair in zip(self.values, later.values, strict=True)],
            torch.cat([self.valid, later.valid], 1),
        )


class RmsNorm(nn.Module):
    """x by its root mean square over the width, times a weight; computed in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype)


class GroupedAttention(nn.Module):
    """The four projections of an attention in which several query heads share a head of keys and values.

    seen   width of what keys and values are made of; that of the stream itself unless it looks at another's
    """

    def __init__(self, shape: StreamShape, seen: int) -> None:
        super().__init__()
        self.head = shape.head
        self.q_proj = FreezableLinear(shape.width, shape.heads * shape.head, bias=False)
        self.k_proj = FreezableLinear(seen, shape.kv_heads * shape.head, bias=False)
        self.v_proj = FreezableLinear(seen, shape.kv_heads * shape.head, bias=False)
        self.o_proj = FreezableLinear(shape.heads * shape.head, shape.width, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, H, d)."""
        return self._heads(self.q_proj(x))

    def keys_and_values(self, for_keys: Tensor, for_values: Tensor) -> tuple[Tensor, Tensor]:
        """Two of (B, T, D), the same one in self-attention -> two of (B, T, G, d)."""
        return self._heads(self.k_proj(for_keys)), self._heads(self.v_proj(for_values))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], -1, self.head)


class GatedMlp(nn.Module):
    """down(silu(gate x) * up x)."""

    def __init__(self, shape: StreamShape) -> None:
        super().__init__()
        self.gate_proj = FreezableLinear(shape.width, shape.mlp, bias=False)
        self.up_proj = FreezableLinear(shape.width, shape.mlp, bias=False)
        self.down_proj = FreezableLinear(shape.mlp, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class StreamLayer(nn.Module):
    """One layer of either stream, norms first. With `crosses` its keys and values are made of the other's."""

    def __init__(self, shape: StreamShape, *, crosses: bool = False) -> None:
        super().__init__()
        self.crosses = crosses
        self.self_attn = GroupedAttention(shape, shape.kv_heads * shape.head if crosses else shape.width)
        self.mlp = GatedMlp(shape)
        self.input_layernorm = RmsNorm(shape.width, shape.eps)
        self.post_attention_layernorm = RmsNorm(shape.width, shape.eps)

    def after_attention(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The rest of the layer: x (B, T, D) came in, `mixed` (B, T, H * d) is what attention gave."""
        x = x + self.self_attn.o_proj(mixed)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


class Reader(Recomputing):
    """The language model's layers; what it leaves is its memory alone, so the last one stops at keys and values."""

    def __init__(self, shape: StreamShape, vocabulary: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, shape.width)
        self.layers = nn.ModuleList(StreamLayer(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width, shape.eps)  # in every file, and never used: no logits are made

    def forward(self, x: Tensor, valid: Tensor, before: Memory | None = None) -> Memory:
        """The memory of the tokens x (B, T, D), which see each other and all of `before`. Padding is not looked at.

        valid   (B, T) bool; a token that is not takes no position either
        """
        positions = valid.cumsum(-1) - 1
        seen = valid
        if before is not None:
            positions = positions + before.length[:, None]
            seen = torch.cat([before.valid, valid], 1)
        earlier = [None] * len(self.layers) if before is None else list(zip(before.keys, before.values, strict=True))
        kept: list[tuple[Tensor, Tensor]] = []
        for layer, there in zip(_stream_layers(self), earlier, strict=True):
            last = len(kept) + 1 == len(self.layers)
            x, keys, values = self.run(_read_on, layer, x, there, positions, seen, last)
            kept.append((keys, values))
        return Memory([k for k, _ in kept], [v for _, v in kept], valid)


class Expert(Recomputing):
    """The action expert. Its layers look at the memory of evenly spaced layers of the reader.

    Layers that cross see the memory alone, through projections of their own, and count positions from 0. The others
    see the memory and the expert's own tokens, which stand behind it.
    """

    def __init__(self, shape: StreamShape, crosses: list[bool], memory_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StreamLayer(shape, crosses=crosses[j]) for j in range(shape.layers))
        self.norm = RmsNorm(shape.width, shape.eps)
        self._stride = memory_layers // shape.layers

    def look_at(self, memory: Memory) -> Memory:
        """The memory as each of the expert's layers sees it. It is the same for all steps of a flow."""
        keys, values = memory.keys[:: self._stride], memory.values[:: self._stride]
        seen = [
            layer.self_attn.keys_and_values(k.flatten(2), v.flatten(2)) if layer.crosses else (k, v)
            for layer, k, v in zip(_stream_layers(self), keys, values, strict=True)
        ]
        return Memory([k for k, _ in seen], [v for _, v in seen], memory.valid)

    def forward(self, x: Tensor, seen: Memory, own: Tensor) -> Tensor:
        """x (B, T, D) -> (B, T, D), normed.

        seen   what `look_at` gave
        own    (T, T) bool, which of its own tokens each token sees
        """
        steps = torch.arange(x.shape[1], device=x.device)
        positions = seen.length[:, None] + steps
        sees_memory = seen.valid[:, None].expand(-1, x.shape[1], -1)
        sees_all = torch.cat([sees_memory, own.expand(len(x), -1, -1)], -1)
        for layer, keys, values in zip(_stream_layers(self), seen.keys, seen.values, strict=True):
            if layer.crosses:
                x = self.run(_look, layer, x, keys, values, steps, sees_memory)
            else:
                x = self.run(_look_on, layer, x, keys, values, positions, sees_all)
        return self.norm(x)  # type: ignore[no-any-return]


def _read_on(
    layer: StreamLayer, x: Tensor, before: tuple[Tensor, Tensor] | None, positions: Tensor, seen: Tensor, last: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """What the tokens x are after a layer that sees them and those `before`, and their keys and values in it."""
    normed = layer.input_layernorm(x)
    keys, values = layer.self_attn.keys_and_values(normed, normed)
    own = keys, values = rotated(keys, positions), values
    if not last:
        if before is not None:
            keys, values = (torch.cat(pair, 1) for pair in zip(before, own, strict=True))
        queries = rotated(layer.self_attn.queries(normed), positions)
        x = layer.after_attention(x, attended(queries, keys, values, seen[:, None]))
    return x, *own


def _look(layer: StreamLayer, x: Tensor, keys: Tensor, values: Tensor, positions: Tensor, seen: Tensor) -> Tensor:
    """x after a layer that looks at keys and values alone."""
    queries = rotated(layer.self_attn.queries(layer.input_layernorm(x)), positions)
    return layer.after_attention(x, attended(queries, keys, values, seen))


def _look_on(layer: StreamLayer, x: Tensor, keys: Tensor, values: Tensor, positions: Tensor, seen: Tensor) -> Tensor:
    """x after a layer that looks at keys and values, and at those of x behind them."""
    normed = layer.input_layernorm(x)
    queries = layer.self_attn.queries(normed)
    k, v = layer.self_attn.keys_and_values(normed, normed)
    keys, values = torch.cat([keys, rotated(k, positions)], 1), torch.cat([values, v], 1)
    return layer.after_attention(x, attended(rotated(queries, positions), keys, values, seen))


def _stream_layers(stream: Reader | Expert) -> list[StreamLayer]:
    return cast(list[StreamLayer], list(stream.layers))


def rotated(x: Tensor, positions: Tensor) -> Tensor:
    """Rotary position embedding (Su et al., 2021): x (B, T, heads, d) at `positions` (B, T) or (T,), in x's dtype.

    The two halves of a head are the two coordinates of each rotated plane; computed in float32.
    """
    half = x.shape[-1] // 2
    exponents = torch.arange(half, device=x.device, dtype=torch.float32) * (2 / x.shape[-1])
    angles = (positions[..., None].float() / _BASE**exponents)[..., None, :]  # (B, T, 1, d / 2)
    sine, cosine = angles.sin(), angles.cos()
    first, second = x.float().split(half, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1).to(x.dtype)


def attended(queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
    """queries (B, T, H, d) look at keys and values (B, S, G, d) where `seen` (B, T or 1, S) is true: (B, T, H * d).

    The H / G query heads that share keys are told apart as if they were further tokens, so keys need not be repeated.
    """
    steps, shared = queries.shape[1], keys.shape[2]
    grouped = queries.unflatten(2, (shared, -1)).permute(0, 2, 3, 1, 4)  # (B, G, H / G, T, d)
    if seen.shape[1] > 1:
        seen = seen[:, None].expand(-1, grouped.shape[2], -1, -1).flatten(1, 2)
    mixed = _attended(grouped.flatten(2, 3), keys.transpose(1, 2), values.transpose(1, 2), seen[:, None])
    return mixed.unflatten(2, (-1, steps)).permute(0, 3, 1, 2, 4).flatten(2)  # type: ignore[no-any-return]


def _attended(queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
    """torch's own attention; on a CPU in float32, whose backward pass takes a fraction of bfloat16's."""
    kept = queries.dtype
    if kept is not torch.bfloat16 or not is_eager_on_cpu(queries):
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
    with torch.autocast("cpu", enabled=False):
        mixed: Tensor = F.scaled_dot_product_attention(queries.float(), keys.float(), values.float(), attn_mask=seen)
    return mixed.to(kept)
