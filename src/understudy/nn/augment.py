"""Random changes of a batch of pictures, on the device they are on: each picture its own draw, no loop over pictures.

Each picture is given `most` of the transforms, drawn without replacement by their weights, in the listed order or in
the order of the draw. That is LeRobot's rule, applied to whole batches: of the transforms, one after the other, each
changes at once all pictures whose turn it is at (nn/jitter.py has what they do).

Every draw is a function of (seed, draw, camera) and of the picture's place in the batch, made on the host: nothing
waits for the device, a resumed run goes on with the same pictures, and so does a run on another number of devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from understudy.core.rng import Rng

from . import jitter

_CHANGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": jitter.brightness,
    "contrast": jitter.contrast,
    "saturation": jitter.saturation,
    "hue": jitter.hue,
    "sharpness": jitter.sharpness,
    "affine": jitter.affine,
}


@dataclass(frozen=True)
class Change:
    """One change with the ranges that its amounts are drawn from, uniformly.

    kind     "brightness", "contrast", "saturation", "hue", "sharpness" or "affine"
    ranges   (low, high) of each amount, as in nn/jitter.py. Of `affine` six: angle; moves right and down, as shares of
             width and height (they become whole pixels); scale; shears
    """

    kind: str
    ranges: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Transform:
    """What is drawn as one: no change, one, or several, which then come in random order."""

    weight: float
    changes: tuple[Change, ...]


class Augment:
    """Callable that changes the pictures among observations.

    transforms     what may happen, in the order in which it does; their weights are above 0
    most           how many of them happen to each picture; all, if there are fewer
    random_order   in the order they were drawn in, instead of the listed one
    """

    def __init__(self, transforms: Sequence[Transform], most: int, *, random_order: bool = False) -> None:
        self._weights = np.array([transform.weight for transform in transforms])
        self._most = min(most, len(transforms))
        self._random_order = random_order
        self._changes = [change for transform in transforms for change in transform.changes]
        self._owner = np.repeat(np.arange(len(transforms)), [len(transform.changes) for transform in transforms])
        # what is drawn for a picture: which transforms, in which order the changes of one, and how much of each
        self._counts = [len(transforms), len(self._changes), sum(len(change.ranges) for change in self._changes)]

    def __call__(self, observation: dict[str, Tensor], rng: Rng) -> dict[str, Tensor]:
        """The observations with their pictures changed: (B, 3, h, w) uint8 or floats in 0..1 become floats in 0..1.

        rng   of this draw; its `rank` says which part of the whole batch this is
        """
        return {
            name: self._changed(value, name, rng) if value.dim() == 4 else value for name, value in observation.items()
        }

    def _changed(self, pictures: Tensor, camera: str, rng: Rng) -> Tensor:
        size, height, width = len(pictures), *pictures.shape[2:]
        uniform = _uniform(rng.numpy(f"image transforms of {camera}"), (rng.rank + 1) * size, sum(self._counts))
        turns = list(self._turns(uniform[rng.rank * size :], height, width))
        # all at once: what is sent to the device in small pieces waits for each
        places, values = _on(pictures.device, [at for _, at, _ in turns], [values for *_, values in turns])
        changed = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.to(torch.float32, copy=True)
        for (kind, at, _), place, value in zip(turns, places, values, strict=True):
            if len(at) == len(changed):
                changed = _CHANGES[kind](changed, value)
            else:
                changed[place] = _CHANGES[kind](changed[place], value)
        return changed

    def _turns(self, uniform: np.ndarray, height: int, width: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """What to do, one thing after the other: kind of change, the m pictures whose turn it is, their amounts (m, k).

        uniform   (B, sum of counts) in 0..1: a row decides what becomes of a picture
        """
        race, order, amounts = np.split(uniform, np.cumsum(self._counts)[:-1], axis=1)
        keys = self._keys(race) + order
        lengths = np.isfinite(keys).sum(1)
        sequence = np.argsort(keys, axis=1, kind="stable")
        values = self._amounts(amounts, height, width)
        done = np.zeros(len(uniform), dtype=np.int64)
        while (done < lengths).any():
            for number, change in enumerate(self._changes):
                following = np.take_along_axis(sequence, np.minimum(done, len(self._changes) - 1)[:, None], axis=1)[
                    :, 0
                ]
                at = np.flatnonzero((done < lengths) & (following == number))
                if len(at):
                    done[at] += 1
                    yield change.kind, at, values[number][at]

    def _keys(self, uniform: np.ndarray) -> np.ndarray:
        """(B, changes): whole numbers that rise in the order in which a picture is changed; infinite: it is not.

        The transforms run a race, the heavier the faster: the first ones in are a draw without replacement by weight.
        """
        times = -np.log1p(-uniform) / self._weights
        ranks = np.argsort(np.argsort(times, axis=1), axis=1)
        places = ranks if self._random_order else np.broadcast_to(np.arange(ranks.shape[1]), ranks.shape)
        keys: np.ndarray = np.where(ranks < self._most, places, np.inf)[:, self._owner]
        return keys

    def _amounts(self, uniform: np.ndarray, height: int, width: int) -> list[np.ndarray]:
        """Per change (B, k): what nn/jitter.py takes."""
        found, start = [], 0
        for change in self._changes:
            low, high = np.array(change.ranges).T
            drawn = low + (high - low) * uniform[:, start : start + len(low)]
            start += len(low)
            if change.kind == "affine":
                drawn[:, 1:3] = np.rint(drawn[:, 1:3] * (width, height))
                drawn = jitter.matrices_back(drawn)
            found.append(drawn)
        return found


def _uniform(generator: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) in 0..1, 1 excluded, from PCG64's raw numbers, which alone numpy promises never to change."""
    raw = generator.bit_generator.random_raw(rows * columns)
    uniform: np.ndarray = (raw >> np.uint64(11)).reshape(rows, columns) * 2.0**-53
    return uniform


def _on(
    device: torch.device, places: Sequence[np.ndarray], values: Sequence[np.ndarray]
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Indices and amounts (m, k) float32 on the device, in one transfer each."""
    if not places:
        return [], []
    ahead = device.type == "cuda"  # elsewhere a copy that does not wait may be read before it has arrived
    lengths = [len(at) for at in places]
    indices = torch.from_numpy(np.concatenate(places)).to(device, non_blocking=ahead)
    flat = torch.from_numpy(np.concatenate([value.ravel() for value in values]).astype(np.float32))
    parts = flat.to(device, non_blocking=ahead).split([value.size for value in values])
    return indices.split(lengths), [part.view(len(at), -1) for part, at in zip(parts, places, strict=True)]
