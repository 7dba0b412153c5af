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
_BOUNDS = {"MIN_MAX": ("min", "max"), "QUANTILES": ("q01", "q99"), "QUANTILE10": ("q10", "q90")}


class Normalizer(nn.Module):
    """Scales the features named in `modes`; the others pass unchanged.

    statistics   feature -> statistic -> array: (n,) for vectors, (3, 1, 1) for cameras (pixels in 0..1)
    modes        feature -> mode
    """

    def __init__(self, statistics: Mapping[str, Mapping[str, np.ndarray]], modes: Mapping[str, str]) -> None:
        super().__init__()
        self.modes = dict(modes)
        self.statistics = {feature: dict(stats) for feature, stats in statistics.items()}
        self._slots: dict[str, int] = {}
        for slot, (feature, mode) in enumerate(self.modes.items()):
            if mode == "IDENTITY":
                continue
            offset, divisor, scale = self._affine(feature, mode)
            self._slots[feature] = slot
            for kind, value in (("offset", offset), ("divisor", divisor), ("scale", scale)):
                self.register_buffer(f"{kind}_{slot}", value, persistent=False)

    def _affine(self, feature: str, mode: str) -> tuple[Tensor, Tensor, Tensor]:
        """(offset, divisor, scale) with y = (x - offset) / divisor and x = y * scale + offset, all float32."""
        if mode == "MEAN_STD":
            mean, std = self._statistic(feature, "mean", mode), self._statistic(feature, "std", mode)
            return mean, std + EPS, std
        low_name, high_name = _BOUNDS[mode]
        low, high = self._statistic(feature, low_name, mode), self._statistic(feature, high_name, mode)
        span = high - low
        half = torch.where(span == 0, torch.full_like(span, EPS), span) / 2
        return low + half, half, half

    def _statistic(self, feature: str, name: str, mode: str) -> Tensor:
        value = self.statistics.get(feature, {}).get(name)
        if value is None:
            raise StatisticMissing(
                f"`{feature}` has to be normalised by {mode}, but its statistic `{name}` is missing",
                hint="compute the statistics from the dataset again, or take them from the checkpoint that has them",
            )
        tensor = torch.as_tensor(np.asarray(value), dtype=torch.float32)
        if not bool(torch.isfinite(tensor).all()):
            raise StatisticMissing(
                f"the statistic `{name}` of `{feature}` is not finite: it was never computed",
                hint="this is how checkpoints without statistics look; give the dataset whose statistics belong to it",
            )
        return tensor

    def normalize(self, feature: str, x: Tensor) -> Tensor:
        """`x` of `feature` on the network's scale, in x's dtype."""
        if feature not in self._slots:
            return x
        slot = self._slots[feature]
        offset, divisor = getattr(self, f"offset_{slot}"), getattr(self, f"divisor_{slot}")
        return (x - offset.to(x.dtype)) / divisor.to(x.dtype)

    def unnormalize(self, feature: str, y: Tensor) -> Tensor:
        """The inverse: `y` back in the dataset's own units."""
        if feature not in self._slots:
            return y
        slot = self._slots[feature]
        offset, scale = getattr(self, f"offset_{slot}"), getattr(self, f"scale_{slot}")
        return y * scale.to(y.dtype) + offset.to(y.dtype)
