"""Where the loop takes its batches from: gathered ahead, on threads, in an order that is a function of the draw.

Gathering from the frame store takes milliseconds; decoding on the fly takes longer, and overlaps with the update. For a
CUDA device the batch is put into page-locked memory and copied there in a stream of its own, while the update before it
is computed; what the loop takes has arrived, or will have before the device comes to it.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from understudy.data.sampler import Sampler
    from understudy.data.spec import Batch
    from understudy.data.windows import Windows

# decoding leaves threads idle while a batch waits for its last frame: the next batch then uses them
_GATHERS_AT_ONCE = 2


class Source:
    """Batches by draw number, on the way to `device`.

    `take(n)` also starts gathering n + 1 ... n + `ahead`; with 0 batches are gathered when they are taken.

    parts   batches that make an update together
    """

    def __init__(self, windows: Windows, sampler: Sampler, device: torch.device, *, ahead: int, parts: int = 1) -> None:
        self.windows = windows
        self.sampler = sampler
        self._device = device
        self._ahead = ahead
        self._parts = parts
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._started: dict[int, Future[tuple[Batch, torch.cuda.Event | None]]] = {}
        self._threads = ThreadPoolExecutor(_GATHERS_AT_ONCE, thread_name_prefix="gather")

    def take(self, draw: int) -> Batch:
        """Batch number `draw` of the run (from 0); on the device already if that is a CUDA one."""
        if not self._ahead:
            return self._gather(draw)[0]
        wanted = range(draw, draw + self._ahead + 1)
        for number in self._started.keys() - set(wanted):
            self._started.pop(number).cancel()
        for number in wanted:
            if number not in self._started:
                self._started[number] = self._threads.submit(self._gather, number)
        batch, arrived = self._started.pop(draw).result()
        if arrived is not None:
            update = torch.cuda.current_stream(self._device)
            update.wait_event(arrived)
            for tensor in batch.tensors():
                # or their memory would be given to a later batch while the update still reads it
                tensor.record_stream(update)
        return batch

    def _gather(self, draw: int) -> tuple[Batch, torch.cuda.Event | None]:
        """The batch, and for a CUDA device when its copy there is done."""
        rows, first = self.sampler.rows_of(draw), draw - draw % self._parts
        whole = np.concatenate([self.sampler.batch_of(first + part) for part in range(self._parts)])
        shared = None if len(whole) == len(rows) else whole
        # pictures that are held on the device are gathered in the stream too
        with contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            batch = self.windows.gather(rows, shared=shared)
            if self._stream is None:
                return batch, None
            return batch.pinned().to(self._device), self._stream.record_event()

    def close(self) -> None:
        """Stop gathering ahead."""
        self._threads.shutdown(wait=True, cancel_futures=True)
