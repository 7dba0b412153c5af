"""Flow matching (Lipman et al., 2022; Liu et al., 2022): a straight line from noise to data, and the way along it.

    x_t = (1 - t) z + t a        z noise, a data; t = 0 is noise, t = 1 data (LeRobot's and openpi's pi0: reversed)
    dx/dt = a - z                what a network learns to predict from x_t, t and what it sees

Unusual: a network may predict the clean `a` instead. Its velocity is then (a - x_t) / (1 - t), so the two are the same
field, but where the data are nearly decided by what is seen the clean prediction is plain regression at every t.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from understudy.core.rng import Rng

# noise further out is drawn back to here, in training and when sampling
NOISE_LIMIT = 3.0

# x_t and t -> velocity of the shape of x_t
Velocity = Callable[[Tensor, float], Tensor]


def draw_noise(rng: Rng, shape: tuple[int, ...], device: torch.device | str) -> Tensor:
    """Where the way begins: unit-normal numbers of `shape`, clipped."""
    return rng.normal("noise", shape, device=device).clamp_(-NOISE_LIMIT, NOISE_LIMIT)


def draw_times(rng: Rng, windows: int, draws: int, actions: int, device: torch.device | str) -> Tensor:
    """Times in 0..1 for `draws` places on the way of each window: (windows, draws, actions).

    Each is uniform; the draws of one window lie in equal parts of 0..1, one in each, which makes their mean steadier.
    """
    drawn = rng.uniform("time", (windows, draws, actions), device=device)
    return (drawn + torch.arange(draws, device=device)[:, None]) / draws


def noise_of_rows(rng: Rng, rows: np.ndarray, count: int) -> Tensor:
    """(n, count) clipped noise that belongs to the rows of the dataset and is the same in every step."""
    first, second = np.split(rng.uniform_of_rows("noise of rows", rows, 2 * count), 2, axis=1)
    normal = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)  # Box and Muller (1958)
    return torch.from_numpy(normal.astype(np.float32)).clamp_(-NOISE_LIMIT, NOISE_LIMIT)


def times_of_rows(rng: Rng, rows: np.ndarray, count: int) -> Tensor:
    """(n, count) times in 0..1 that belong to the rows of the dataset and are the same in every step."""
    return torch.from_numpy(rng.uniform_of_rows("time of rows", rows, count).astype(np.float32))


def interpolate(noise: Tensor, data: Tensor, time: Tensor) -> Tensor:
    """The place at `time` on the straight line; the three broadcast."""
    return (1 - time) * noise + time * data


def velocity_to(clean: Tensor, place: Tensor, time: float) -> Tensor:
    """The velocity that leads from `place` at `time` below 1 straight to `clean` at time 1."""
    return (clean - place) / (1 - time)


def integrate(velocity: Velocity, noise: Tensor, steps: int) -> Tensor:
    """Follow `velocity` from `noise` at time 0 to time 1 in Euler steps of equal length."""
    place = noise
    for step in range(steps):
        place = place + velocity(place, step / steps) / steps
    return place
