"""The one texture there is: a table of light wood, computed and not stored, so the same on every machine.

It repeats every `PERIOD` metres in x and y. Averaged-down copies keep it quiet where a pixel covers much of it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

PERIOD = 0.6  # metres
_TEXELS = 512
_PLANKS = 6  # in one period, across the grain


@cache
def table_levels() -> tuple[np.ndarray, ...]:
    """Factors on the table's colour, (3, m, m) float32 around 1, first index after the channel x, then y.

    The first is the finest; each next is half as wide.
    """
    levels = [_wood()]
    while levels[-1].shape[1] > 8:
        fine = levels[-1]
        half = fine.shape[1] // 2
        levels.append(fine.reshape(3, half, 2, half, 2).mean(axis=(2, 4)))
    return tuple(np.ascontiguousarray(level, np.float32) for level in levels)


def table_factor(x: np.ndarray, y: np.ndarray, footprint: float) -> np.ndarray:
    """(3, N) factors on the table's colour at x, y (N,), metres. `footprint`: metres of table that a pixel sees."""
    levels = table_levels()
    level = levels[int(np.clip(np.log2(max(footprint, 1e-6) / (PERIOD / _TEXELS)) + 0.5, 0, len(levels) - 1))]
    texels = level.shape[1]
    scale = np.float32(texels / PERIOD)
    column = np.floor(x * scale).astype(np.int32) % texels
    row = np.floor(y * scale).astype(np.int32) % texels
    factors: np.ndarray = level.reshape(3, -1)[:, column * texels + row]
    return factors


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
    light = 1 + tone + 0.022 * grain + 0.012 * fibre - 0.10 * gap
    warmth = np.array([0.6, 1.0, 1.5])[:, None, None]  # dark grain is redder, light grain paler
    return 1 + (light - 1) * warmth
