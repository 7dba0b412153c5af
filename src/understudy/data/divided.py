"""The frames at which the windows of each part of a split begin: all frames of its episodes, unless less is asked for.

A split by window draws them over all episodes. Windows of one episode overlap: two that begin a frame apart share all
but one of their actions, so what is held out that way has near-copies in what is trained on, and an error on it says
nothing about new episodes. It is there because published recipes do it, to repeat them and to show what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng

from .rows import rows_of_episodes

if TYPE_CHECKING:
    from .lerobot import Dataset
    from .split import Split, WindowShares


@dataclass(frozen=True)
class DividedRows:
    """Rows of the loaded dataset, each (n,) int64 in ascending order; no row is in two of them."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def divided_rows(dataset: Dataset, split: Split, starts: Sequence[int] | None = None) -> DividedRows:
    """What belongs to each part.

    starts   take only windows that begin at these frames of an episode; None: at every frame

    Raises ConfigError when nothing is left to train on.
    """
    if split.windows is not None:
        rows = _beginning_at(dataset, rows_of_episodes(dataset, split.train), starts)
        parts = drawn_windows(rows, split.windows)
    else:
        episodes = (split.train, split.validation, split.test)
        parts = DividedRows(*(_beginning_at(dataset, rows_of_episodes(dataset, part), starts) for part in episodes))
    if not len(parts.train):
        longest = max(episode.length for episode in dataset.episodes)
        raise ConfigError(
            "no window is left to train on",
            where="--dataset.window_starts" if starts is not None else "--dataset.eval_split",
            hint=f"the longest episode has the frames 0 to {longest - 1}" if starts is not None else None,
        )
    return parts


def drawn_windows(rows: np.ndarray, shares: WindowShares) -> DividedRows:
    """`rows` divided at random: a function of the seed and of how many there are."""
    # numpy promises PCG64's raw numbers for ever, and not what `permutation` makes of them
    keys = Rng(shares.seed).numpy("held-out windows").bit_generator.random_raw(len(rows))
    order = rows[np.argsort(keys, kind="stable")]
    held_out = round(shares.validation * len(rows))
    apart = held_out + round(shares.test * len(rows))
    return DividedRows(np.sort(order[apart:]), np.sort(order[:held_out]), np.sort(order[held_out:apart]))


def _beginning_at(dataset: Dataset, rows: np.ndarray, starts: Sequence[int] | None) -> np.ndarray:
    if starts is None:
        return rows
    kept: np.ndarray = rows[np.isin(dataset.frame_index[rows], list(starts))]
    return kept
