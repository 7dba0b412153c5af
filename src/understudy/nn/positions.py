"""Fixed sine and cosine position tables: one for sequences, one for feature maps.

Both follow the tables of the original Transformer and of DETR. Neither has parameters.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

TEMPERATURE = 10000.0


def sequence_table(length: int, width: int) -> Tensor:
    """Positions 0 .. length-1: (length, width) float32; even columns sine, odd columns cosine of the same angle.

    Computed in float64 and rounded once, as LeRobot's table (a checkpoint holds it, so its bits matter).
    """
    column = torch.arange(width, dtype=torch.float64)
    wavelength = TEMPERATURE ** (2 * torch.div(column, 2, rounding_mode="floor") / width)
    angle = torch.arange(length, dtype=torch.float64)[:, None] / wavelength
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()


def grid_table(height: int, width: int, channels: int) -> Tensor:
    """Positions of a feature map: (height * width, channels) float32, row by row.

    The first half of the channels encodes the row, the second the column. Rows and columns count from 1 and are
    scaled to (0, 2 pi], so the table of a map is the same whatever the map's size in pixels. All in float32, as in
    LeRobot, where it is recomputed at every call.
    """
    half = channels // 2
    column = torch.arange(half, dtype=torch.float32)
    wavelength = TEMPERATURE ** (2 * torch.div(column, 2, rounding_mode="floor") / half)

    def encode(size: int) -> Tensor:
        position = torch.arange(1, size + 1, dtype=torch.float32) / (size + 1e-6) * (2 * math.pi)
        angle = position[:, None] / wavelength
        return torch.where(column % 2 == 0, angle.sin(), angle.cos())  # (size, half)

    rows = encode(height)[:, None].expand(height, width, half)
    columns = encode(width)[None].expand(height, width, half)
    return torch.cat([rows, columns], dim=-1).reshape(height * width, channels)


class GridPositions(nn.Module):
    """`grid_table`, computed once per size and kept on the module's device; not part of the state dict."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) -> (1, h * w, channels) in the dtype of the map."""
        height, width = feature_map.shape[-2:]
        name = f"table_{height}x{width}"
        if not hasattr(self, name):
            with torch.inference_mode(False):  # a table first needed while predicting must serve training as well
                table = grid_table(height, width, self.channels)[None].to(feature_map.device)
            self.register_buffer(name, table, persistent=False)
        kept: Tensor = getattr(self, name)
        return kept.to(feature_map.dtype)
