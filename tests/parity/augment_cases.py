"""The picture and the amounts that torchvision's functions and ours are compared on."""

from __future__ import annotations

import torch

# the ends and the middle of LeRobot's default ranges, and values far outside of them
FACTORS: dict[str, tuple[float, ...]] = {
    "brightness": (0.8, 1.0, 1.2, 0.0, 3.0),
    "contrast": (0.8, 1.0, 1.2, 0.0, 3.0),
    "saturation": (0.5, 1.0, 1.5, 0.0, 4.0),
    "hue": (-0.05, 0.0, 0.05, -0.5, 0.5, 0.3),
    "sharpness": (0.5, 1.0, 1.5, 0.0, 6.0),
}
# angle in degrees, pixels to the right and down, scale, shears in degrees
AFFINE: tuple[tuple[float, int, int, float, float, float], ...] = (
    (0.0, 0, 0, 1.0, 0.0, 0.0),
    (5.0, 0, 0, 1.0, 0.0, 0.0),
    (-3.7, 2, -1, 1.0, 0.0, 0.0),
    (0.0, -2, 1, 1.0, 0.0, 0.0),
    (31.0, 1, 3, 0.8, 0.0, 0.0),
    (-12.5, 0, -2, 1.25, 7.0, -4.0),
)


def picture() -> torch.Tensor:
    """(3, 18, 26) float: bytes / 255, with smooth parts, noise, greys, black, white and pure colours among them."""
    generator = torch.Generator().manual_seed(7)
    x, y = torch.linspace(0, 1, 26), torch.linspace(0, 1, 18)[:, None]
    smooth = torch.stack([x + 0 * y, 0.5 * x + 0.5 * y, 1 - y + 0 * x]) * 255
    pixels = smooth.round()
    pixels[:, 4:10] = torch.randint(0, 256, (3, 6, 26), generator=generator).float()
    pixels[:, 10:12] = torch.randint(0, 256, (1, 2, 26), generator=generator).float()
    pixels[:, 12:14] = torch.randint(0, 2, (3, 2, 26), generator=generator).float() * 255
    return pixels / 255
