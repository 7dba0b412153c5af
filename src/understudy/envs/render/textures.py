"""The one texture there is: a table of light wood, computed and not stored, so the same on every machine.

It repeats every `PERIOD` metres in x and y. Averaged-down copies keep it quiet where a pixel covers much of it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

PERIOD = 0.6  # metres
_TEXELS = 512
_PLANKS = 6  # in one period, across the grain
_WARMTH = np.array([0.6, 1.0, 1.5], np.float32)  # dark grain is redder, light grain paler


@cache
def table_levels() -> tuple[np.ndarray, ...]:
    """How light the wood is, around 0: (m, m) float32, x first; the finest, then each half as wide as the last."""
    levels = [_wood()]
    while len(levels[-1]) > 8:
        half = len(levels[-1]) // 2
        levels.append(levels[-1].reshape(half, 2, half, 2).mean(axis=(1, 3)))
    return tuple(level.astype(np.float32) for level in levels)


def table_tint(x: np.ndarray, y: np.ndarray, footprint: float) -> np.ndarray:
    """(3, ...) factors on the table's colour at x, y (...) float32, metres. `footprint`: metres that a pixel sees."""
    levels = table_levels()
    fineness = np.log2(max(footprint, 1e-6) * _TEXELS / PERIOD)
    level = levels[int(np.clip(fineness + 0.5, 0, len(levels) - 1))]
    texels = len(level)
    scale = np.float32(texels / PERIOD)
    middle = np.float32(texels << 5)  # makes what follows positive: truncating is then rounding down
    column, row = ((along * scale + middle).astype(np.int32) & (texels - 1) for along in (x, y))
    light = level.reshape(-1)[column * texels + row]
    return np.asarray(1 + _WARMTH.reshape(3, *[1] * x.ndim) * light)


def _wood() -> np.ndarray:
    """Planks along x, each with its own tone and its own grain, a fine dark gap between them."""
    rng = np.random.default_rng(20)
    x, y = np.meshgrid(np.arange(_TEXELS) / _TEXELS, np.arange(_TEXELS) / _TEXELS, indexing="ij")
    plank = np.floor(y * _PLANKS).astype(int)
    tone = rng.uniform(-0.045, 0.045, _PLANKS)[plank]
    bend = 0.25 * np.sin(2 * np.pi * (x + rng.random(_PLANKS)[plank]))
    bend += 0.12 * np.sin(2 * np.pi * (2 * x + rng.random(_PLANKS)[plank]))
    within = y * _PLANKS - plank
    grain = np.sin(2 * np.pi * (5 * within + bend + 3 * rng.random(_PLANKS)[plank]))
    grain += 0.5 * np.sin(2 * np.pi * (13 * within + 2 * bend + rng.random(_PLANKS)[plank]))
    fibre = rng.standard_normal((_TEXELS // 16, _TEXELS)).repeat(16, axis=0)
    for shift in (4, 8):  # smooth along the grain
        fibre = (fibre + np.roll(fibre, shift, 0) + np.roll(fibre, -shift, 0)) / 3
    gap = np.minimum(within, 1 - within) < 0.02
    light = tone + 0.022 * grain + 0.012 * fibre - 0.10 * gap
    return np.asarray(light - light.mean())
