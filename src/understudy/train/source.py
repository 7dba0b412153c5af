"""Where the loop takes its batches from: one gather ahead, on a thread, in an order that is a function of the draw.

Gathering from the frame store takes milliseconds; decoding on the fly takes longer, and overlaps with the update.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.data.sampler import Sampler
    from understudy.data.spec import Batch
    from understudy.data.windows import Windows


class Source:
    """Batches by draw number; `take(n)` also starts gathering n + 1."""

    def __init__(self, windows: Windows, sampler: Sampler) -> None:
        self.windows = windows
        self.sampler = sampler
        self._ahead: tuple[int, Future[Batch]] | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="gather")

    def take(self, draw: int) -> Batch:
        """Batch number `draw` of the run (from 0)."""
        if self._ahead is not None and self._ahead[0] == draw:
            batch = self._ahead[1].result()
        else:
            batch = self._gather(draw)
        self._ahead = (draw + 1, self._worker.submit(self._gather, draw + 1))
        return batch

    def _gather(self, draw: int) -> Batch:
        rows, whole = self.sampler.rows_of(draw), self.sampler.batch_of(draw)
        return self.windows.gather(rows, shared=None if len(whole) == len(rows) else whole)

    def close(self) -> None:
        """Stop gathering ahead."""
        self._worker.shutdown(wait=True, cancel_futures=True)
