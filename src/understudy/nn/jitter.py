"""Changes of pictures, each picture by its own amount: colours, sharpness, position. No randomness here.

What each change is, and what a factor means, is as in torchvision's functions on float images (transforms.v2), which
LeRobot applies; tests/parity compares. Legend: n pictures, (n, 3, h, w), floats in 0..1, in any memory format; amounts
(n, k), one row a picture. Each function gives new pictures in 0..1 and leaves those it was given as they are.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# how bright red, green and blue look (ITU-R BT.601, three digits and a bit, as torchvision and PIL have them)
_LUMA = (0.2989, 0.587, 0.114)


def brightness(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Multiplied by the factor (n, 1): 0 black, 1 unchanged."""
    return (pictures * _each(amounts)).clamp_(0, 1)


def contrast(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Away from the picture's mean grey by the factor (n, 1): 0 all grey, 1 unchanged."""
    return _between(_grey(pictures.mean((2, 3), keepdim=True)), pictures, amounts)


def saturation(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Away from each pixel's grey by the factor (n, 1): 0 without colour, 1 unchanged."""
    return _between(_grey(pictures), pictures, amounts)


def sharpness(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Away from a blurred copy by the factor (n, 1): 0 blurred, 1 unchanged. The outermost pixels stay.

    The blur weighs the pixel 5/13 and its eight neighbours 1/13 each.
    """
    if min(pictures.shape[2:]) < 3:
        return pictures.clone()
    rows = pictures[:, :, :-2] + pictures[:, :, 1:-1] + pictures[:, :, 2:]
    inner = pictures[:, :, 1:-1, 1:-1]
    blurred = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]).add_(inner, alpha=4).div_(13)
    changed = pictures.clone()
    changed[:, :, 1:-1, 1:-1] = _between(blurred, inner, amounts)
    return changed


def hue(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Every colour moved around the circle of hues by the part of it that is given (n, 1): -0.5..0.5, 0 unchanged.

    Brightest channel and span of the channels stay, so HSV need not be made. With the hue H in sixths of the circle, a
    channel is highest - span * clamp(2 - d, 0, 1), where d is how far H is from the hue that has least of the channel:
    3 (cyan) for red, 5 (magenta) for green, 1 (yellow) for blue.
    """
    red, green, blue = pictures.unbind(1)
    # four times as fast on a CPU as torch.aminmax over the channels
    high = torch.maximum(torch.maximum(red, green), blue)
    span = high - torch.minimum(torch.minimum(red, green), blue)
    divisor = torch.where(span == 0, 1.0, span)
    of_red, of_green, of_blue = (green - blue) / divisor, (blue - red) / divisor + 2, (red - green) / divisor + 4
    sixths = torch.where(high == red, of_red, torch.where(high == green, of_green, of_blue))
    sixths += 6 * amounts[:, :, None]
    changed = torch.empty_like(pictures)
    for channel, peak in enumerate((3, 1, -1)):
        away = sixths + peak
        away.sub_((away / 6).round_(), alpha=6)
        torch.addcmul(high, span, away.abs_().neg_().add_(2).clamp_(0, 1), value=-1, out=changed[:, channel])
    return changed.clamp_(0, 1)


def affine(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Turned, moved, scaled, sheared, as the matrices (n, 6) of `matrices_back` say; black comes in from outside.

    Nearest pixels are taken.
    """
    _, _, height, width = pictures.shape
    xs = torch.arange(width, device=pictures.device) - (width - 1) / 2
    ys = torch.arange(height, device=pictures.device) - (height - 1) / 2
    back = amounts.reshape(-1, 2, 3, 1, 1)
    places = back[:, :, 0] * xs + back[:, :, 1] * ys[:, None] + back[:, :, 2]  # (n, 2, h, w)
    grid = torch.stack([places[:, 0] / (width / 2), places[:, 1] / (height / 2)], dim=3)
    return F.grid_sample(pictures, grid, mode="nearest", padding_mode="zeros", align_corners=False)


def matrices_back(amounts: np.ndarray) -> np.ndarray:
    """(n, 6), rows of the 2 x 3 matrices that lead from a place in a changed picture to the one that it shows.

    amounts   (n, 6): angle in degrees, clockwise as seen; pixels to the right, down; scale; shear along x, y in degrees

    Places are in pixels from the centre. A picture is sheared along x, then along y, scaled, turned, moved:
    R(angle) * scale * Y * X with X = [1, -tan x; 0, 1] and Y = [1, 0; -tan y, 1].
    """
    angle, move_x, move_y, scale, shear_x, shear_y = amounts.T
    angle, tan_x, tan_y = np.deg2rad(angle), np.tan(np.deg2rad(shear_x)), np.tan(np.deg2rad(shear_y))
    sin, cos = np.sin(angle), np.cos(angle)
    # R * Y, then times X; its determinant is 1
    a, c = cos + sin * tan_y, sin - cos * tan_y
    b, d = -a * tan_x - sin, -c * tan_x + cos
    a, b, c, d = a / scale, b / scale, c / scale, d / scale
    rows: np.ndarray = np.stack([d, -b, b * move_y - d * move_x, -c, a, c * move_x - a * move_y], axis=1)
    return rows


def _grey(pictures: Tensor) -> Tensor:
    """(n, 1, h, w)"""
    return (pictures[:, :1] * _LUMA[0]).add_(pictures[:, 1:2], alpha=_LUMA[1]).add_(pictures[:, 2:], alpha=_LUMA[2])


def _between(other: Tensor, pictures: Tensor, amounts: Tensor) -> Tensor:
    """`other` at factor 0, `pictures` at 1, beyond them above 1."""
    return torch.lerp(other, pictures, _each(amounts)).clamp_(0, 1)


def _each(amounts: Tensor) -> Tensor:
    """(n, 1) -> (n, 1, 1, 1)"""
    return amounts[:, :, None, None]
