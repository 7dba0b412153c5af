"""Normalisation by dataset statistics, with LeRobot's formulas, so that a number means the same in both programs.

    MEAN_STD    y = (x - mean) / (std + eps)                     x = y * std + mean
    MIN_MAX     y = 2 (x - min) / d - 1,  d = max - min or eps   x = (y + 1) / 2 * d + min
    QUANTILES   as MIN_MAX with q01 and q99;  QUANTILE10 with q10 and q90
    IDENTITY    y = x

A feature that has to be normalised and has no statistic is an error here, never a pass-through.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from understudy.core.errors import StatisticMissing

EPS = 1e-8
MEAN_STD = ("mean", "std")
STATISTICS_OF_MODE: dict[str, tuple[str, ...]] = {
    "MEAN_STD": MEAN_STD,
    "MIN_MAX": ("min", "max"),
    "QUANTILES": ("q01", "q99"),
    "QUANTILE10": ("q10", "q90"),
    "IDENTITY": (),
}


class Normalizer(nn.Module):
    """Scales the features named in `modes`; the others pass unchanged.

    statistics   feature -> statistic -> array: (n,) for vectors, (3, 1, 1) for cameras (pixels in 0..1)
    modes        feature -> mode

    The numbers are buffers, so that they follow the policy to its device, and stay out of its state dict (LeRobot's
    rule since 0.4). Raises StatisticMissing when one is absent, or not finite (how LeRobot marks "never computed").
    """

    def __init__(self, statistics: Mapping[str, Mapping[str, np.ndarray]], modes: Mapping[str, str]) -> None:
        super().__init__()
        self.modes = dict(modes)
        self.statistics = {feature: dict(stats) for feature, stats in statistics.items()}
        self._slots: dict[str, int] = {}
        for slot, (feature, mode) in enumerate(self.modes.items()):
            if mode == "IDENTITY":
                continue
            self._slots[feature] = slot
            first, second = (self._statistic(feature, name, mode) for name in STATISTICS_OF_MODE[mode])
            if mode == "MEAN_STD":  # (offset, divisor) normalise, (offset, scale) un-normalise
                offset, divisor, scale = first, second + EPS, second
            else:
                span = second - first
                scale = torch.where(span == 0, torch.full_like(span, EPS), span)
                offset, divisor = first, scale
            pixel_scale, pixel_shift = _affine(offset, divisor, mode)
            values = {"offset": offset, "divisor": divisor, "scale": scale}
            values |= {"pixel_scale": pixel_scale, "pixel_shift": pixel_shift}
            for kind, value in values.items():
                self.register_buffer(f"{kind}_{slot}", value, persistent=False)

    def _statistic(self, feature: str, name: str, mode: str) -> Tensor:
        value = self.statistics.get(feature, {}).get(name)
        if value is None:
            raise StatisticMissing(
                f"`{feature}` has to be normalised by {mode}, but its statistic `{name}` is missing",
                hint="compute the statistics from the dataset again, or take them from the checkpoint that has them",
            )
        array = np.asarray(value, dtype=np.float32)
        if not np.isfinite(array).all():
            raise StatisticMissing(
                f"the statistic `{name}` of `{feature}` is not finite: it was never computed",
                hint="this is how checkpoints without statistics look; give the dataset whose statistics belong to it",
            )
        return torch.from_numpy(array.copy())

    def _buffers_of(self, feature: str, *kinds: str, dtype: torch.dtype) -> list[Tensor]:
        slot = self._slots[feature]
        return [getattr(self, f"{kind}_{slot}").to(dtype) for kind in kinds]

    def normalize(self, feature: str, x: Tensor) -> Tensor:
        """`x` of `feature` on the network's scale, in x's dtype."""
        if feature not in self._slots:
            return x
        offset, divisor = self._buffers_of(feature, "offset", "divisor", dtype=x.dtype)
        if self.modes[feature] == "MEAN_STD":
            return (x - offset) / divisor
        return 2 * (x - offset) / divisor - 1

    def unnormalize(self, feature: str, y: Tensor) -> Tensor:
        """The inverse: `y` back in the dataset's own units."""
        if feature not in self._slots:
            return y
        offset, scale = self._buffers_of(feature, "offset", "scale", dtype=y.dtype)
        if self.modes[feature] == "MEAN_STD":
            return y * scale + offset
        return (y + 1) / 2 * scale + offset

    def normalize_pixels(self, feature: str, pixels: Tensor) -> Tensor:
        """Images (B, 3, h, w), uint8 in 0..255 or float in 0..1, on the network's scale as float.

        One fused multiply-add instead of three passes over the image; within 1e-6 of `normalize(pixels / 255)`.
        """
        if feature not in self._slots:
            return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
        if pixels.dtype != torch.uint8:
            return self.normalize(feature, pixels.float())
        scale, shift = self._buffers_of(feature, "pixel_scale", "pixel_shift", dtype=torch.float32)
        return torch.addcmul(shift, pixels.float(), scale)


def _affine(offset: Tensor, divisor: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """(scale, shift) so that scale * pixel + shift normalises a uint8 pixel; in float64, rounded once."""
    low, span = offset.double(), divisor.double()
    if mode == "MEAN_STD":
        return (1 / (255 * span)).float(), (-low / span).float()
    return (2 / (255 * span)).float(), (-2 * low / span - 1).float()
