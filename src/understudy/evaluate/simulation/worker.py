"""One process of an evaluation: builds the task and the policy once, then runs the episode of each seed it is given.

Policies run one observation at a time with one thread, so that an episode is a function of its seed alone and not of
what else runs, in which process, or in which order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from understudy.data.spec import STATE
from understudy.envs.catalogue import EnvConfig, make_env
from understudy.envs.environment import Environment
from understudy.evaluate.records import EpisodeRecord
from understudy.rollout.actors import Actor, MeanActor, PolicyActor
from understudy.rollout.choice import ActorChoice, make_actor
from understudy.rollout.episode import Episode, is_broken, run_episode
from understudy.rollout.probes import Veiled, blanked_features

LAST_FRAMES = ".last_frames"
PICTURE = (320, 240)

Answer = dict[str, Any]


def serve(setup: dict[str, Any]) -> Callable[[dict[str, Any]], Answer]:
    """The worker that `setup` describes: {"env", "policy", "blank", "shuffle", "folder"}.

    An item is {"seed": ...}, answered by the record of the episode, or {"seed": ..., "video": file}, which runs the
    episode once more and films it.
    """
    player = Player(setup)

    def answer(item: dict[str, Any]) -> Answer:
        if file := item.get("video"):
            return player.film(int(item["seed"]), Path(file))
        return player.play(int(item["seed"]))

    return answer


class Player:
    """A task and who plays it."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.config = EnvConfig.model_validate(setup["env"])
        self.actor, self._mean_state = _actor(setup["policy"])
        self.env = self._world()

    def play(self, seed: int) -> Answer:
        """The record of an episode; the last picture of one that fails is kept for the mosaic."""
        episode = run_episode(self.env, self.actor, seed, horizon=self.config.horizon)
        if not episode.success:
            self._keep_last_picture(seed)
        if is_broken(episode):
            # what raised once may not be sound any more, and an episode must not depend on the one before it
            self.env.close()
            self.env = self._world()
        return {"record": asdict(record_of(episode))}

    def film(self, seed: int, file: Path) -> Answer:
        """Run the episode once more, write its video, and say how it went."""
        from .film import Filmed

        filmed = Filmed(self.env, seed, *PICTURE, horizon=self.config.horizon)
        episode = run_episode(filmed, self.actor, seed, horizon=self.config.horizon)
        filmed.save(file, episode)
        return {"record": asdict(record_of(episode))}

    def _world(self) -> Environment:
        env = make_env(self.config)
        blank = blanked_features(env.task, self.setup.get("blank"))
        if not blank and not self.setup.get("shuffle"):
            return env
        other = make_env(self.config) if self.setup.get("shuffle") else None
        return Veiled(env, blank=blank, other=other, mean_state=self._mean_state)

    def _keep_last_picture(self, seed: int) -> None:
        if not self.setup.get("folder"):
            return
        from .mosaic import write_picture

        try:
            picture = self.env.picture(*PICTURE)
        except Exception:  # it raised in the episode, so it may well here; the record says so
            picture = np.zeros((PICTURE[1], PICTURE[0], 3), np.uint8)
        write_picture(Path(self.setup["folder"]) / LAST_FRAMES / f"{seed}.png", picture)


def record_of(episode: Episode) -> EpisodeRecord:
    """The record of an episode; what was measured stands apart."""
    return EpisodeRecord(
        seed=episode.seed,
        instruction=episode.instruction,
        success=bool(episode.success),
        progress=float(episode.progress) if math.isfinite(episode.progress) else 0.0,
        steps=episode.steps,
        reason=episode.reason,
        measured={"wall_s": round(episode.wall_s, 6), "latencies_s": [round(s, 6) for s in episode.latencies]},
    )


def _actor(setup: dict[str, Any]) -> tuple[Actor, np.ndarray | None]:
    """(who plays, the mean state of its training data if it knows one)."""
    if "path" not in setup:
        return make_actor(ActorChoice(type=setup["type"])), None
    import torch

    from understudy.core.errors import ConfigError
    from understudy.policies.pretrained import load_policy

    torch.set_num_threads(1)
    policy = load_policy(setup["path"], setup["device"], precision=setup["precision"])
    statistics = policy.normalizer.statistics
    if setup["type"] == "mean":
        mean = statistics.get("action", {}).get("mean")
        if mean is None:
            raise ConfigError("this policy does not store the mean action of its data", where=setup["path"])
        return MeanActor(np.asarray(mean, dtype=np.float64)), None
    policy.config = policy.config.model_copy(update=setup["execution"])
    return PolicyActor(policy, setup.get("task")), statistics.get(STATE, {}).get("mean")
