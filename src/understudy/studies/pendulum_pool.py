"""Independent pieces of work, each in a process of its own with one thread, so many at a time.

One thread, so that what a piece gives does not depend on how many ran beside it, bit for bit.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

from understudy.core import log

T = TypeVar("T")


def each_alone(work: Callable[[T], object], pieces: Sequence[T], at_once: int, label: str) -> None:
    """Call `work` with every piece, in the order in which they are given as far as that goes.

    Raises what a piece raises, and Ctrl-C, once those that are going on have ended; no other is begun then.
    """
    if not pieces:
        return
    spawned = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(min(at_once, len(pieces)), spawned, initializer=_alone) as pool,
        log.progress(label, len(pieces), "pieces") as advance,
    ):
        try:
            for done in as_completed([pool.submit(work, piece) for piece in pieces]):
                done.result()
                advance()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _alone() -> None:
    """A Ctrl-C reaches every process of the group: these finish what they write, and the first one ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
