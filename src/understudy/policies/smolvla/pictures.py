"""Camera pictures as SmolVLA's vision tower gets them: fitted into a fixed size, lower right, values in -1..1."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def fitted(pictures: Tensor, size: tuple[int, int] | None) -> Tensor:
    """Pictures (B, 3, h, w) in 0..1 -> (B, 3, H, W) in -1..1, black where there is no picture.

    size   (W, H): the picture keeps its proportions and stands in the lower right corner, bilinear without
           antialiasing, as LeRobot's; None: the size is left as it is
    """
    if size is not None:
        width, height = size
        ratio = max(pictures.shape[-1] / width, pictures.shape[-2] / height)
        inner = (int(pictures.shape[-2] / ratio), int(pictures.shape[-1] / ratio))
        if inner != tuple(pictures.shape[-2:]):
            pictures = F.interpolate(pictures, inner, mode="bilinear", align_corners=False)
        pictures = F.pad(pictures, (max(0, width - inner[1]), 0, max(0, height - inner[0]), 0))
    return pictures * 2 - 1
