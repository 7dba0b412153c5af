"""Which episodes are trained on and which are held out.

Whole episodes are held out, never windows: neighbouring windows share 99 of 100 actions and would leak.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from understudy.core.errors import ConfigError, DataError
from understudy.core.rng import derive

if TYPE_CHECKING:
    from .lerobot import Dataset, Episode

# share of the episodes that is held out unless the user says otherwise
HELD_OUT_SHARE = 0.1
# with fewer episodes none is held out: each one is worth more in training
FEWEST_EPISODES = 5


@dataclass(frozen=True)
class Split:
    """Episode indices, each list in ascending order. `test` is only ever filled from a file."""

    train: list[int]
    validation: list[int] = field(default_factory=list)
    test: list[int] = field(default_factory=list)

    def to_json(self) -> dict[str, list[int]]:
        """What split.json holds."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @classmethod
    def from_json(cls, content: Any) -> Split:
        """The split that split.json holds. Raises DataError when it is none, or an episode is in it twice."""
        parts = {}
        for name in ("train", "validation", "test"):
            part = content.get(name, []) if isinstance(content, Mapping) else None
            if not isinstance(part, list) or not all(type(index) is int for index in part):
                raise DataError(f"split.json is no split: `{name}` has to be a list of episode numbers")
            parts[name] = part
        everything = [index for part in parts.values() for index in part]
        if len(set(everything)) < len(everything):
            twice = next(index for index in everything if everything.count(index) > 1)
            raise DataError(f"split.json is no split: episode {twice} is in it twice")
        return cls(**parts)


def split_episodes(
    dataset: Dataset, *, seed: int, eval_split: float | None, eval_episodes: Sequence[int] | None
) -> Split:
    """Divide the loaded episodes.

    eval_episodes   these are held out
    eval_split      None: about a tenth, drawn per episode, none when there are fewer than 5 episodes
                    0: none;  above 0: LeRobot 0.6's rule, the last ceil(n * eval_split) episodes of each task

    The draw depends on (seed, episode index) alone, so adding episodes later never moves an old one across the border:
    an episode is held out when its number, uniform in 0..1, is below 0.1. So that at least one is, the lowest of the
    first five always is as well; they stay the first five.

    Raises ConfigError when nothing would be left to train on, or an episode of `eval_episodes` is not there.
    """
    indices = [episode.index for episode in dataset.episodes]
    if eval_episodes is not None and eval_split:
        raise ConfigError(
            "`--dataset.eval_split` and `--dataset.eval_episodes` are two ways to say the same",
            hint="give one of them",
        )
    if eval_episodes is not None:
        held_out = set(eval_episodes)
        if absent := sorted(held_out - set(indices)):
            raise ConfigError(
                f"episode {absent[0]} is to be held out, but is not loaded",
                where="--dataset.eval_episodes",
                hint=f"loaded are {len(indices)} episodes, numbered {indices[0]} to {indices[-1]}",
            )
    elif eval_split is None:
        held_out = _drawn(indices, seed)
    else:
        if not 0 <= eval_split < 1:
            raise ConfigError(f"`--dataset.eval_split` is {eval_split:g}; it has to be at least 0 and below 1")
        held_out = _last_of_each_task(dataset.episodes, eval_split) if eval_split else set()
    train = [index for index in indices if index not in held_out]
    if not train:
        raise ConfigError(
            f"all {len(indices)} episodes would be held out and none trained on",
            where="--dataset.eval_episodes" if eval_episodes is not None else "--dataset.eval_split",
            hint="hold out fewer; --dataset.eval_split=0 holds out none",
        )
    return Split(train, sorted(held_out))


def _drawn(indices: Sequence[int], seed: int) -> set[int]:
    if len(indices) < FEWEST_EPISODES:
        return set()
    number = {index: derive(seed, index, "held-out episodes") / 2**63 for index in indices}
    held_out = {index for index in indices if number[index] < HELD_OUT_SHARE}
    first = sorted(indices)[:FEWEST_EPISODES]
    held_out.add(min(first, key=number.__getitem__))
    if len(held_out) == len(indices):
        held_out.remove(max(indices, key=number.__getitem__))
    return held_out


def _last_of_each_task(episodes: Sequence[Episode], share: float) -> set[int]:
    by_task: dict[tuple[str, ...], list[int]] = {}
    for episode in episodes:
        by_task.setdefault(episode.tasks[:1], []).append(episode.index)
    return {index for same in by_task.values() for index in sorted(same)[-math.ceil(len(same) * share) :]}
