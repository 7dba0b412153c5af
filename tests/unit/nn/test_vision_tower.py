"""The vision tower: where patches stand, and which of them become one token."""

from __future__ import annotations

import torch
from torch.testing import assert_close

from understudy.nn.vision_tower import PatchEmbedding, TowerShape, VisionTower, shuffled

SHAPE = TowerShape(width=8, mlp=16, layers=1, heads=2, image=32, patch=8)


def test_patches_stand_row_by_row() -> None:
    embedding = PatchEmbedding(SHAPE)
    table = torch.arange(16.0)[:, None].expand(16, 8)
    embedding.position_embedding.weight.data.copy_(table)
    embedding.patch_embedding.weight.data.zero_()
    embedding.patch_embedding.bias.data.zero_()  # type: ignore[union-attr]
    assert embedding(torch.zeros(1, 3, 32, 32))[0, :, 0].tolist() == list(range(16))


def test_a_smaller_picture_takes_every_other_position() -> None:
    embedding = PatchEmbedding(SHAPE)
    assert embedding._places(4, torch.device("cpu")).tolist() == [0, 1, 2, 3]
    assert embedding._places(2, torch.device("cpu")).tolist() == [0, 2]


def test_every_patch_looks_at_every_patch() -> None:
    torch.manual_seed(0)
    tower = VisionTower(SHAPE)
    picture = torch.rand(1, 3, 32, 32)
    other = picture.clone()
    other[..., 24:, 24:] = 0
    assert (tower(picture) - tower(other))[0, 0].abs().max() > 1e-4


def test_a_token_is_a_square_of_patches_row_after_row() -> None:
    patches = torch.arange(16.0).view(1, 16, 1)
    assert_close(
        shuffled(patches, 2)[0], torch.tensor([[0.0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]])
    )
