"""Many runs at once in one process: each keeps its own loop, data, events and checkpoints; their updates are one.

    for every run: what is due after its update, and the batches of its next one -> one update of all -> ...

A run is led through the very loop that `understudy train` is (loop.py), and leaves the same run folder: it may be gone
on with alone, and one that was begun alone may be gone on with here. A run that ends (its last step, its patience, a
loss that is not finite, a full disk) leaves the others running, and the stack of weights becomes smaller.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from understudy.core import log
from understudy.core.errors import INTERNAL, Interrupted, as_known, first_line
from understudy.core.run_folder import RunFolder

from .batched_update import BatchedUpdate
from .distributed import ALONE
from .loop import updates
from .run import opened
from .signals import StopRequest
from .start_up import StartUp
from .step import NonFinite

if TYPE_CHECKING:
    from understudy.data.spec import Batch

    from .config import TrainConfig
    from .loop import Training

# told the seeds that run, and the exit codes of those that ended
Watcher = Callable[[Sequence[int], Mapping[int, int]], None]


@dataclass(frozen=True)
class Planned:
    """A run to be made: its configuration, with its folder, and the file that what it says is appended to."""

    config: TrainConfig
    log: Path

    @property
    def seed(self) -> int:
        return self.config.seed


def train_together(planned: Sequence[Planned], threads: int, watch: Watcher) -> tuple[dict[int, int], int | None]:
    """Make all runs; (exit codes by seed, exit code of the signal that came if any).

    The configurations must be equal but for seed, folder and whether the run goes on with an earlier one. A run that
    fails stops no other. After Ctrl-C or SIGTERM every run saves and stops; after the second one all end at once.

    threads   that the one computation is made with
    """
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    codes: dict[int, int] = {}
    with StopRequest() as stop:
        stop.patient = True
        try:
            with contextlib.ExitStack() as ending:
                _lead(planned, stop, ending, codes, watch)
        except Exception as error:
            # every run has ended by it, with an exit code and a log that say so
            if as_known(error) is None:
                raise
        finally:
            torch.set_num_threads(usual)
        watch([], codes)
        return codes, stop.requested


def _lead(
    planned: Sequence[Planned], stop: StopRequest, ending: contextlib.ExitStack, codes: dict[int, int], watch: Watcher
) -> None:
    """All runs to their ends, which `ending` sees to where an error ends this. Raises Interrupted: all at once."""
    runs = _prepared(planned, stop, ending, codes)
    update: BatchedUpdate | None = None
    took: float | None = None
    while True:
        taken = [(run, batches) for run in runs if (batches := run.next_batches(took)) is not None]
        runs = [run for run, _ in taken]
        watch([run.seed for run in runs], codes)
        if stop.at_once:
            raise Interrupted("stopped at once, without saving", exit_code=stop.requested or INTERNAL)
        if not runs:
            return
        members = [run.training.update for run in runs]
        if update is None or update.members != members:
            update = BatchedUpdate(members)
        steps = [run.training.step for run in runs]
        began = time.perf_counter()
        bad = update([batches for _, batches in taken], steps)
        # on an accelerator it may only have been asked for, and is waited for anywhere
        took = time.perf_counter() - began if members[0].device.type == "cpu" else None
        for i in bad:
            runs[i].fail(NonFinite(steps[i]))
        runs = [run for i, run in enumerate(runs) if i not in bad]


def _prepared(
    planned: Sequence[Planned], stop: StopRequest, ending: contextlib.ExitStack, codes: dict[int, int]
) -> list[_Led]:
    """The runs that have something to do, on one dataset. Raises Interrupted."""
    runs: list[_Led] = []
    for one in planned:
        if stop.requested is not None:
            raise Interrupted("stopped before the first step; what was prepared is kept", exit_code=stop.requested)
        run = ending.enter_context(_Led(one, codes))
        run.open(stop, beside=runs[0] if runs else None)
        runs += [run] if run.is_going_on else []
    return runs


class _Led:
    """A run that is led from outside, update by update. What it says goes to its own log, its end into `codes`.

    A context: left while the run is going on, it ends as the block does.
    """

    def __init__(self, planned: Planned, codes: dict[int, int]) -> None:
        self.seed = planned.seed
        self.training: Training
        self._planned = planned
        self._codes = codes
        self._batches: Generator[list[Batch], float | None, None]
        self._open = contextlib.ExitStack()

    @property
    def is_going_on(self) -> bool:
        return self.seed not in self._codes

    def __enter__(self) -> _Led:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_going_on:
            self.fail(error or Interrupted("stopped"))

    def open(self, stop: StopRequest, *, beside: _Led | None) -> None:
        """Prepare the run; `beside` has the dataset already."""
        config = self._planned.config
        assert config.output_dir is not None
        with self._ending_with_errors(), self._speaking():
            log.say(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} seed {self.seed}, trained together with others")
            prepared = beside.training.prepared if beside is not None else None
            run = opened(config, RunFolder(config.output_dir), stop, ALONE, StartUp(), beside=prepared)
            training = self._open.enter_context(run)
            if training is None:
                self._close()
                return
            self.training, self._batches = training, updates(training)

    def next_batches(self, took: float | None) -> list[Batch] | None:
        """Do what is due after the last update, and take the batches of the next one; None: the run has ended.

        took   seconds of the last update; None before the first one
        """
        with self._ending_with_errors(), self._speaking():
            try:
                return self._batches.send(took)
            except StopIteration:
                self._close()
        return None

    def fail(self, error: BaseException) -> None:
        """End the run because of `error`."""
        with self._ending_with_errors(), self._speaking():
            raise error

    def _close(self) -> None:
        self._open.close()
        self._codes[self.seed] = 0

    @contextlib.contextmanager
    def _ending_with_errors(self) -> Iterator[None]:
        """An error inside ends this run, as it would have ended alone; Interrupted at once ends all."""
        try:
            yield
        except BaseException as error:
            self._end(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise

    def _end(self, error: BaseException) -> None:
        """Let the run end by `error`: what it writes and releases then, and what is said of it."""
        with self._speaking():
            try:
                if not self._open.__exit__(type(error), error, error.__traceback__):
                    raise error
            except BaseException as last:
                known = as_known(last)
                self._codes[self.seed] = INTERNAL if known is None else known.exit_code
                log.say(
                    f"error: unexpected {type(last).__name__}: {first_line(last)}"
                    if known is None
                    else f"{known}"
                    if isinstance(known, Interrupted)
                    else f"error: {known}"
                )

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        self._planned.log.parent.mkdir(parents=True, exist_ok=True)
        with self._planned.log.open("a") as listener, log.heard_by(listener):
            yield
