"""Record: try seed after seed in parallel, keep what succeeds, put a dataset together.

Which episodes are recorded is a function of the options alone: they are the first successes in the order of their
seeds, however many processes worked and in whatever order they finished, killed and resumed or not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import log
from understudy.core.cores import usable_cores
from understudy.core.errors import DiskFull, Interrupted, UnderstudyError
from understudy.core.signals import ended_politely
from understudy.data.recording import RECORDING, Attempt, Recording
from understudy.data.write.dataset import assemble
from understudy.data.write.episode import ReadyEpisode, read_staged
from understudy.envs.catalogue import make_env
from understudy.rollout.choice import check_choice
from understudy.rollout.workers import Lost, run_in_workers

from .at_once import AtOnce, can_be_at_once
from .attempt import Tried, folder_of, form_of, read_attempt
from .config import RecordConfig
from .identity import identity
from .plan import print_plan
from .staging import check_target, opened, staging_of

if TYPE_CHECKING:
    from understudy.data.write.form import DatasetForm

_TARGET = "understudy.record.attempt:serve"
# a recording in which fewer than one attempt in twenty succeeds would take all night to say so
_PATIENCE = 20
# seconds that an attempt may take, at most: a process that hangs must not hang the recording
_START_S, _STEP_S = 120.0, 1.0


@dataclass(frozen=True)
class Recorded:
    """What came of it.

    root       the dataset
    attempts   every seed tried up to the last one kept, in order
    seconds    of the processor, summed over attempts: "drawing", "encoding", "all"; and by the clock: "attempts" (until
               the last was finished, starting processes included), "joining" (the dataset)
    """

    root: Path
    recording: Recording
    frames: int
    seconds: dict[str, float]

    @property
    def episodes(self) -> int:
        """How many were kept."""
        return len(self.recording.seeds)


def record(config: RecordConfig, *, resume: bool = False, dry_run: bool = False) -> Recorded | None:
    """Record as `config` says; None for a dry run, which prints the plan and stops.

    resume   go on with a recording that was stopped

    Raises ConfigError (unknown task or camera, target there already, policy that does not fit), UnderstudyError when
    nearly nothing succeeds, DiskFull, Interrupted; after the last two, `resume` goes on.
    """
    target = config.root.absolute()
    check_target(target, resume=resume)
    env = make_env(config.env)
    task = env.task
    env.close()
    check_choice(config.policy, task)
    at_once = AtOnce(config, task) if can_be_at_once(config) else None
    form = form_of(task, config) if at_once is None else at_once.form
    workers = 0 if at_once is not None else config.workers or usable_cores()
    print_plan(config, task, form, target, workers, len(list(staging_of(target).glob("seed-*"))))
    if dry_run:
        return None
    with _stop_explained(target):
        told = identity(config, task)
        with opened(target, told, resume=resume) as staging:
            began = time.perf_counter()
            if at_once is not None:
                tried = _try_until_done(config, at_once.attempts)
                episodes: list[ReadyEpisode] = [at_once.episodes[one.seed] for one in tried if one.kept]
            else:
                timeout_s = _START_S + _STEP_S * task.horizon
                tried = _try_until_done(config, partial(_attempts, config, staging, workers, timeout_s))
                episodes = [read_staged(folder_of(staging, one.seed)) for one in tried if one.kept]
            seconds = {"attempts": time.perf_counter() - began}
            return _put_together(target, told, form, episodes, tried, seconds)


def _try_until_done(config: RecordConfig, attempts: Callable[[list[int]], Iterable[Tried]]) -> list[Tried]:
    """Attempts by seed, from the first to the one that completes the recording."""
    wanted = config.dataset.num_episodes
    tried: dict[int, Tried] = {}
    with log.progress("recording", wanted, "episodes") as advance:
        while (missing := wanted - _kept(tried)) > 0:
            # with one success in two, twice as many seeds are tried: what is too much is left out below
            ahead = math.ceil(missing * max(1, len(tried)) / max(1, _kept(tried)))
            seeds = range(config.seed + len(tried), config.seed + len(tried) + ahead)
            for one in attempts(list(seeds)):
                tried[one.seed] = one
                advance(int(one.kept), f"{_successes(tried)} of {len(tried)} attempts succeeded")
                _give_up_if_hopeless(config, tried)
    in_order = [tried[seed] for seed in sorted(tried)]
    last = [number for number, one in enumerate(in_order) if one.kept][wanted - 1]
    return in_order[: last + 1]


def _attempts(config: RecordConfig, staging: Path, workers: int, timeout_s: float, seeds: list[int]) -> Iterator[Tried]:
    """The attempts with these seeds in the order they finish; first those that an earlier start has finished."""
    open_seeds = []
    for seed in seeds:
        if (done := read_attempt(staging, seed)) is not None:
            yield done
        else:
            open_seeds.append(seed)
    setup = {"config": config.model_dump(mode="json"), "staging": str(staging)}
    run = partial(run_in_workers, _TARGET, setup, workers=workers, timeout_s=timeout_s)
    lost: list[int] = []
    for seed, answer in run(open_seeds):
        if isinstance(answer, Lost):
            lost.append(seed)
        else:
            yield Tried(**answer)
    # a process may die of what has nothing to do with its seed; one that takes another process along is a failure
    for seed, answer in run(lost):
        yield Tried(seed, False, 0, 0.0, answer.reason, False, {}) if isinstance(answer, Lost) else Tried(**answer)


def _kept(tried: dict[int, Tried]) -> int:
    return sum(one.kept for one in tried.values())


def _successes(tried: dict[int, Tried]) -> int:
    return sum(one.success for one in tried.values())


def _give_up_if_hopeless(config: RecordConfig, tried: dict[int, Tried]) -> None:
    if len(tried) < _PATIENCE * (1 + _kept(tried)):
        return
    reasons = [one.reason for one in tried.values() if not one.kept]
    common = max(set(reasons), key=reasons.count)
    raise UnderstudyError(
        f"{_kept(tried)} of {len(tried)} attempts gave an episode to keep: the recording would never end",
        where=f"{config.env.type}, {config.policy.name}; the most frequent reason: {common}",
        hint="less noise, another actor, or --keep_failures=true, which records what fails as well",
    )


def _put_together(
    target: Path,
    told: dict[str, Any],
    form: DatasetForm,
    episodes: Sequence[ReadyEpisode],
    tried: list[Tried],
    seconds: dict[str, float],
) -> Recorded:
    """The dataset of the attempts that were kept; `told` is its identity."""
    began = time.perf_counter()
    recording = Recording(
        env=told["env"],
        task=told["task"],
        actor=told["actor"],
        disturbance=told["disturbance"],
        packages=told["packages"],
        seeds=tuple(one.seed for one in tried if one.kept),
        attempts=tuple(Attempt(one.seed, one.success, one.steps, one.reason) for one in tried),
    )
    log.say(f"\nputting {len(episodes)} episodes together")
    assemble(target, form, episodes, {RECORDING: recording.to_text()})
    seconds["joining"] = time.perf_counter() - began
    seconds |= {name: sum(one.seconds.get(name, 0.0) for one in tried) for name in ("drawing", "encoding", "all")}
    return Recorded(target, recording, sum(episode.length for episode in episodes), seconds)


@contextmanager
def _stop_explained(target: Path) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into Interrupted; say how to go on after them and after a full disk."""
    try:
        with ended_politely():
            yield
    except DiskFull as error:
        raise DiskFull(
            error.what,
            where=error.where,
            hint="free some space, then the same command with --resume=true; finished episodes are kept",
        ) from error
    except (KeyboardInterrupt, Interrupted) as error:
        staging, code = staging_of(target), getattr(error, "exit_code", 130)
        if not staging.exists():
            raise Interrupted("stopped before the first episode was recorded", exit_code=code) from error
        raise Interrupted(
            f"stopped; {len(list(staging.glob('seed-*/episode.json')))} episodes are kept",
            where=str(staging),
            hint="the same command with --resume=true goes on; remove the folder to begin anew",
            exit_code=code,
        ) from error
