"""Which rows are in which batch: an endless stream of epochs, each a shuffle that is a function of (seed, epoch).

Unusual: there is no iterator and no state. Batch number n can be asked for at any time, in any order, so a resumed run
asks for the next number and gets what the run that never stopped would have got. Batches cross from one epoch into the
next, so every batch is full, and every row is drawn exactly once an epoch (shares.py: or by weights).

Processes that train together draw the same batch, and each takes an equal part of it: positions in the stream count
samples, so it does not matter how many processes there are.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from understudy.core.errors import ConfigError, DataError
from understudy.core.rng import Rng

from .shares import Group, shuffled

_REMEMBERED_EPOCHS = 2


class Sampler:
    """Draws `batch_size` of `rows` at a time for each of `world` processes, of which this is number `rank`.

    Safe to ask from several threads. Raises DataError when there are no rows, ConfigError for a batch size below 1.
    """

    def __init__(
        self,
        rows: np.ndarray,
        batch_size: int,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
        groups: Sequence[Group] = (),
    ) -> None:
        """groups   how often each of several parts of `rows` is drawn in an epoch; (): every row once"""
        if len(rows) == 0:
            raise DataError("there is no frame to draw from", hint="choose at least one episode to train on")
        if batch_size < 1:
            raise ConfigError(f"a batch of {batch_size} samples is not possible", where="--batch_size")
        self.rows = np.asarray(rows, dtype=np.int64)
        self.batch_size = batch_size
        self._whole = batch_size * world
        self._share = slice(rank * batch_size, (rank + 1) * batch_size)
        self._rng = Rng(seed)
        self._groups = groups
        self._orders: dict[int, np.ndarray] = {}
        self._guard = threading.Lock()

    def rows_of(self, draw: int) -> np.ndarray:
        """(batch_size,) int64: this process's rows of batch number `draw` (from 0)."""
        return self.batch_of(draw)[self._share]

    def batch_of(self, draw: int) -> np.ndarray:
        """(batch_size * world,) int64: the rows of all processes. A small dataset may repeat within a batch."""
        position = draw * self._whole
        end = position + self._whole
        parts = []
        while position < end:
            epoch, offset = divmod(position, len(self.rows))
            part = self._order(epoch)[offset : offset + end - position]
            parts.append(part)
            position += len(part)
        drawn: np.ndarray = self.rows[np.concatenate(parts)]
        return drawn

    def epoch_of(self, draw: int) -> int:
        """The epoch (from 0) that the first row of batch number `draw` belongs to."""
        return draw * self._whole // len(self.rows)

    def _order(self, epoch: int) -> np.ndarray:
        with self._guard:
            if epoch not in self._orders:
                while len(self._orders) >= _REMEMBERED_EPOCHS:
                    del self._orders[next(iter(self._orders))]
                self._orders[epoch] = self._shuffle(epoch)
            return self._orders[epoch]

    def _shuffle(self, epoch: int) -> np.ndarray:
        """Positions in `rows` in the order of their drawing: each once, or as often as its group says."""
        order = shuffled(self._rng.at(epoch), "order of samples", len(self.rows))
        if not self._groups:
            return order
        drawn: np.ndarray = np.concatenate([group.drawn(epoch, self._rng) for group in self._groups])[order]
        return drawn
