"""A vision transformer of the SigLIP kind (Zhai et al., 2023), and the shuffle that makes its patches fewer and wider.

Parameter names, their order and the arithmetic are those that Hugging Face gives to such towers, so that the weights
of SmolVLM2 and of PaliGemma go in as they are. Positions are always row by row: some releases of transformers (4.55 to
4.57) number them one too low.

    B pictures, P patches, C channels
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.nn.recompute import Recomputing


@dataclass(frozen=True)
class TowerShape:
    """Sizes of a tower: its learned positions are those of a square picture of `image` pixels a side."""

    width: int
    mlp: int
    layers: int
    heads: int
    image: int
    patch: int
    eps: float = 1e-6

    @property
    def side(self) -> int:
        """Patches along a side of a picture."""
        return self.image // self.patch


class PatchEmbedding(nn.Module):
    """Pictures (B, 3, h, w) -> patches with their positions (B, P, C)."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.side = shape.side
        self.patch_embedding = nn.Conv2d(3, shape.width, shape.patch, shape.patch)
        self.position_embedding = nn.Embedding(shape.side**2, shape.width)

    def forward(self, pictures: Tensor) -> Tensor:
        patches: Tensor = self.patch_embedding(pictures)
        rows, columns = (self._places(count, pictures.device) for count in patches.shape[-2:])
        places = (rows[:, None] * self.side + columns).flatten()
        placed: Tensor = patches.flatten(2).transpose(1, 2) + self.position_embedding(places)
        return placed

    def _places(self, count: int, device: torch.device) -> Tensor:
        """Of `count` patches in a line, which of the learned positions each one has: a smaller picture skips some."""
        return torch.arange(count, device=device) * self.side // count


class TowerAttention(nn.Module):
    """Every patch looks at every patch."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.k_proj = nn.Linear(shape.width, shape.width)
        self.v_proj = nn.Linear(shape.width, shape.width)
        self.q_proj = nn.Linear(shape.width, shape.width)
        self.out_proj = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class TowerMlp(nn.Module):
    """Two layers for each patch by itself."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.fc1 = nn.Linear(shape.width, shape.mlp)
        self.fc2 = nn.Linear(shape.mlp, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))  # type: ignore[no-any-return]


class TowerLayer(nn.Module):
    """One layer, norms first."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.self_attn = TowerAttention(shape)
        self.layer_norm1 = nn.LayerNorm(shape.width, eps=shape.eps)
        self.mlp = TowerMlp(shape)
        self.layer_norm2 = nn.LayerNorm(shape.width, eps=shape.eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))  # type: ignore[no-any-return]


class TowerLayers(Recomputing):
    """The layers, one after another."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TowerLayer(shape) for _ in range(shape.layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.run(layer, x)
        return x


class VisionTower(nn.Module):
    """Pictures (B, 3, h, w) in -1..1, h and w multiples of the patch -> (B, P, C), patches row by row."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        self.embeddings = PatchEmbedding(shape)
        self.encoder = TowerLayers(shape)
        self.post_layernorm = nn.LayerNorm(shape.width, eps=shape.eps)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.post_layernorm(self.encoder(self.embeddings(pictures)))  # type: ignore[no-any-return]


def shuffled(patches: Tensor, factor: int) -> Tensor:
    """Each square of `factor` x `factor` patches becomes one token: (B, P, C) -> (B, P / factor^2, C * factor^2).

    The patches are those of a square picture. In a token stand the square's rows one after another.
    """
    size, count, channels = patches.shape
    side = int(count**0.5)
    grid = patches.view(size, side // factor, factor, side // factor, factor * channels)
    return grid.transpose(2, 3).reshape(size, count // factor**2, factor**2 * channels)
