"""One attempt at an episode, in a process of its own: run it, and leave a folder with what came of it.

    seed-0000000017/attempt.json                  how it went
                    rows.parquet, *.mp4, ...      the episode, if it is kept

The folder appears whole or not at all, so whatever is there after a power cut is finished.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.errors import DataError
from understudy.core.files import folder_written_atomically
from understudy.data.info import read_json
from understudy.data.write.episode import EpisodeWriter
from understudy.data.write.form import DatasetForm
from understudy.envs.catalogue import make_env
from understudy.envs.environment import Environment, Task
from understudy.rollout.actors import Actor
from understudy.rollout.choice import make_actor
from understudy.rollout.episode import Episode, is_broken, run_episode

from .config import RecordConfig
from .disturb import disturbance_of

_FACTS = "attempt.json"


@dataclass(frozen=True)
class Tried:
    """What came of an attempt.

    kept      whether its folder holds the episode
    seconds   of the processor: "drawing" (looking through the cameras), "encoding" (videos, tables), "all"; these are
              measured, all else is a function of the seed
    """

    seed: int
    success: bool
    steps: int
    progress: float
    reason: str
    kept: bool
    seconds: dict[str, float]


def form_of(task: Task, config: RecordConfig) -> DatasetForm:
    """The dataset that recordings of this task become. Raises ConfigError for pictures that a video cannot have."""
    codec = "h264" if config.dataset.vcodec == "h264" else "av1"
    return DatasetForm(task.features, task.fps, codec if config.dataset.video else None, task.robot_type)  # type: ignore[arg-type]


def folder_of(staging: Path, seed: int) -> Path:
    """Where the attempt with this seed is."""
    return staging / f"seed-{seed:010d}"


def read_attempt(staging: Path, seed: int) -> Tried | None:
    """A finished attempt, None when there is none. Raises DataError for one that was tampered with."""
    path = folder_of(staging, seed) / _FACTS
    if not path.is_file():
        return None
    try:
        return Tried(**read_json(path))
    except TypeError as error:
        raise DataError("an attempt cannot be understood", where=str(path), hint="take its folder away") from error


def serve(setup: dict[str, Any]) -> Callable[[int], dict[str, Any]]:
    """For rollout/workers.py: a function that tries the seed it is given."""
    config = RecordConfig.model_validate(setup["config"])
    staging = Path(setup["staging"])
    env = make_env(config.env)
    actor = make_actor(config.policy)
    form = form_of(env.task, config)

    def attempt(seed: int) -> dict[str, Any]:
        done = read_attempt(staging, seed)
        return asdict(done or try_seed(env, actor, form, config, seed, staging))

    return attempt


def try_seed(
    env: Environment, actor: Actor, form: DatasetForm, config: RecordConfig, seed: int, staging: Path
) -> Tried:
    """Run the episode of `seed` and write its folder. Raises UnderstudyError: DiskFull, a policy that does not fit."""
    task = env.task
    writer = EpisodeWriter(form)
    names = [name for name in form.features if name != "action"]
    started = time.process_time()
    seconds = {"drawing": 0.0, "encoding": 0.0}

    def watch(step: int, clean: np.ndarray, executed: np.ndarray) -> None:
        began = time.process_time()
        frame = env.look(names)
        looked = time.process_time()
        writer.add({**frame, "action": clean})
        seconds["drawing"] += looked - began
        seconds["encoding"] += time.process_time() - looked

    disturb = disturbance_of(config, seed, task.fps, task.action_low, task.action_high)
    episode = run_episode(env, actor, seed, disturb=disturb, watch=watch)
    # even where failures are kept, an episode in which something raised would teach nonsense
    kept = writer.length > 0 and (episode.success or (config.keep_failures and not is_broken(episode)))
    began = time.process_time()
    with contextlib.suppress(FileExistsError), folder_written_atomically(folder_of(staging, seed)) as folder:
        if kept:
            writer.save(folder, episode.instruction)
        seconds["encoding"] += time.process_time() - began
        tried = _tried(episode, kept, seconds | {"all": time.process_time() - started})
        (folder / _FACTS).write_text(json.dumps(asdict(tried)))
        return tried
    # a process of a recording that was killed has just finished the same seed, with the same result
    return _tried(episode, kept, seconds | {"all": time.process_time() - started})


def _tried(episode: Episode, kept: bool, seconds: dict[str, float]) -> Tried:
    return Tried(episode.seed, episode.success, episode.steps, episode.progress, episode.reason, kept, seconds)
