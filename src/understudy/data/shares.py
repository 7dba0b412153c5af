"""Sampling weights: how many samples of an epoch come from each of several datasets.

An epoch has as many samples as there are rows to train on, weights or none. Of these each dataset gets its share, to
the nearest whole number, and goes round its own rows: all of them once, in an order of their own, before any comes
again. So a share is met exactly in every epoch, and no row is drawn more often than another of its dataset by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng

if TYPE_CHECKING:
    from .dataset_files import Part


@dataclass(frozen=True)
class Group:
    """Rows that are drawn `count` times an epoch, altogether.

    number      which group this is
    positions   (n,) int64, where they are among all rows that are trained on
    """

    number: int
    positions: np.ndarray
    count: int

    def drawn(self, epoch: int, rng: Rng) -> np.ndarray:
        """(count,) int64: the positions that this epoch takes; the next one goes on where it ends."""
        n, first = len(self.positions), epoch * self.count
        rounds = range(first // n, (first + self.count - 1) // n + 1)
        order = np.concatenate([shuffled(rng.at(r), f"order of dataset {self.number}", n) for r in rounds])
        start = first - rounds[0] * n
        taken: np.ndarray = self.positions[order[start : start + self.count]]
        return taken


def groups_of(parts: Sequence[Part], rows: np.ndarray, weights: Sequence[float]) -> list[Group]:
    """The groups that the parts of a joined dataset make of the `rows` (n,), ascending, that are trained on.

    Raises ConfigError for a weight that comes to less than one sample an epoch, or a dataset without a row.
    """
    groups, first = [], 0
    there, counts = rows_per_part(parts, rows), shares(weights, len(rows))
    for number, (part, own, count) in enumerate(zip(parts, there, counts, strict=True)):
        positions = np.arange(first, first + own)
        first += own
        if not own or not count:
            what = "has no frame to train on" if not own else "is drawn less than once an epoch"
            raise ConfigError(
                f"{part.dataset.repo_id} {what}", where="--dataset.mixture", hint="raise its weight, or leave it out"
            )
        groups.append(Group(number, positions, count))
    return groups


def rows_per_part(parts: Sequence[Part], rows: np.ndarray) -> list[int]:
    """How many of the `rows` (n,), ascending, belong to each part."""
    begins = [*np.searchsorted(rows, [part.first_row for part in parts]).tolist(), len(rows)]
    return [end - begin for begin, end in pairwise(begins)]


def shares(weights: Sequence[float], total: int) -> list[int]:
    """`total` divided by weight into whole numbers: the largest remainders are rounded up, of equal ones the first."""
    exact = np.asarray(weights, np.float64) / np.sum(weights) * total
    whole = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(whole - exact, kind="stable")
    whole[by_remainder[: total - int(whole.sum())]] += 1
    return [int(count) for count in whole]


def shuffled(rng: Rng, purpose: str, count: int) -> np.ndarray:
    """A permutation of 0 ... count - 1.

    numpy promises the raw output of PCG64 for ever, but not what its `permutation` makes of it: so the raw numbers are
    sorted here, and a run resumed under a newer numpy goes on in the same order.
    """
    return np.argsort(rng.numpy(purpose).bit_generator.random_raw(count), kind="stable")
