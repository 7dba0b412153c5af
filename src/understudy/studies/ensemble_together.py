"""`--together`: all seeds as one computation, or a process for each; tried out, and the reason said.

One small network leaves most of a GPU idle, and of a CPU too while its batches are small: then one update of all takes
little longer than one of one (train/batched_update.py). Where one network keeps the machine busy, nothing is to be won.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.core.errors import ConfigError, as_known

from .ensemble_precision import policy_of

if TYPE_CHECKING:
    from understudy.train.batched_choice import Tried
    from understudy.train.config import TrainConfig

    from .ensemble_config import EnsembleConfig
    from .ensemble_folder import EnsembleFolder
    from .ensemble_progress import Board

# together has to be this much sooner: what it does between updates, it does with one core
GAIN = 1.2


def choose_together(config: EnsembleConfig, shared: TrainConfig, left: int, threads: int) -> tuple[bool, str]:
    """Whether the `left` seeds of a new ensemble are trained as one computation, and the reason in words.

    threads   of each process, and the one computation has as many as all processes at a time

    Raises ConfigError when it is asked for and cannot be done, and what loading the dataset raises.
    """
    from understudy.train.batched_choice import obstacle, try_together

    if config.together == "off":
        return False, ""
    if config.together == "auto" and left < 2:
        return False, "there is one seed"
    policy = policy_of(shared)
    reason = "--ray spreads processes over machines" if config.ray != "off" else obstacle(shared, policy)
    if reason is not None and config.together == "on":
        raise ConfigError(
            f"the seeds cannot be trained as one computation: {reason}",
            where="--together=on",
            hint="leave it out: each seed then is a process of its own",
        )
    if reason is not None or config.together == "on":
        return reason is None, reason or ""
    try:
        all_threads = threads_of_all(config, threads)
        tried = try_together(shared, policy, left, threads_alone=threads, threads_together=all_threads)
    except (RuntimeError, MemoryError) as error:
        if as_known(error) is None:
            raise
        return False, "the memory does not suffice for all at once"
    return decide(tried, left, config.jobs or 1)


def decide(tried: Tried, count: int, jobs: int) -> tuple[bool, str]:
    """Whether `count` networks at once are clearly sooner than `jobs` processes at a time, and why.

    Processes are taken to disturb each other not at all: in doubt, they are chosen.
    """
    one = f"an update of one network takes {tried.alone_s * 1e3:.1f} ms"
    if tried.together_s is None:
        return False, f"{one}, which keeps the machine busy"
    apart = tried.alone_s * count / min(jobs, count)
    by = "one by one" if jobs == 1 else f"{jobs} at a time"
    words = f"{one}, of {count} {by} {apart * 1e3:.1f} ms, of {count} at once {tried.together_s * 1e3:.1f} ms"
    return tried.together_s * GAIN < apart, words


def threads_of_all(config: EnsembleConfig, threads: int) -> int:
    """The threads of the one computation: those of all processes that would run at a time."""
    return threads * (config.jobs or 1)


def train_at_once(
    folder: EnsembleFolder, seeds: Sequence[int], threads: int, board: Board
) -> tuple[dict[int, int], int | None]:
    """Begin the runs of `seeds`, or go on with them; what `fan_out` gives of processes."""
    from understudy.train.batched_run import Planned, train_together
    from understudy.train.command import read_command

    planned = [Planned(read_command(folder.options(seed)).config, folder.log(seed)) for seed in seeds]
    return train_together(planned, threads, board.show)
