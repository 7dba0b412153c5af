"""Which episodes are trained on, which are held out to choose by, and which are set apart for the last measurement.

Whole episodes are held out, never windows: neighbouring windows share 99 of 100 actions and would leak. (divided.py can
do it all the same, to repeat published recipes.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core.errors import ConfigError, DataError
from understudy.core.rng import derive

from .info import read_json

if TYPE_CHECKING:
    from .lerobot import Dataset, Episode

# share of the episodes that is held out unless the user says otherwise
HELD_OUT_SHARE = 0.1
# with fewer episodes none is held out: each one is worth more in training
FEWEST_EPISODES = 5


@dataclass(frozen=True)
class WindowShares:
    """How windows, instead of episodes, are divided: shares of all of them, drawn from `seed`."""

    seed: int
    validation: float
    test: float


@dataclass(frozen=True)
class Split:
    """Episode indices, each list in ascending order.

    test      never trained on, and nothing is chosen by it
    windows   the episodes of `train` are divided by window: held out are windows of them, no episodes
    """

    train: list[int]
    validation: list[int] = field(default_factory=list)
    test: list[int] = field(default_factory=list)
    windows: WindowShares | None = None

    def to_json(self) -> dict[str, Any]:
        """What split.json holds."""
        lists = {"train": self.train, "validation": self.validation, "test": self.test}
        return lists if self.windows is None else lists | {"windows": asdict(self.windows)}

    def and_then(self, other: Split, first: int) -> Split:
        """With the episodes of another dataset behind these, each numbered `first` higher."""

        def behind(ours: list[int], theirs: list[int]) -> list[int]:
            return ours + [index + first for index in theirs]

        validation, test = behind(self.validation, other.validation), behind(self.test, other.test)
        return Split(behind(self.train, other.train), validation, test, self.windows)

    def between(self, first: int, end: int | None) -> Split:
        """The episodes from number `first` to before `end` (None: the last), each numbered `first` lower."""

        def cut(indices: list[int]) -> list[int]:
            return [index - first for index in indices if first <= index and (end is None or index < end)]

        return Split(cut(self.train), cut(self.validation), cut(self.test), self.windows)

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
        return cls(**parts, windows=_shares(content.get("windows")))


def _shares(content: Any) -> WindowShares | None:
    if content is None:
        return None
    try:
        shares = WindowShares(int(content["seed"]), float(content["validation"]), float(content["test"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("split.json is no split: `windows` has to hold seed, validation and test") from error
    if min(shares.seed, shares.validation, shares.test) < 0 or shares.validation + shares.test >= 1:
        raise DataError("split.json is no split: the shares in `windows` have to be positive, below 1 together")
    return shares


def split_of_file(path: Path, dataset: Dataset) -> Split:
    """The split that a file names, as split.json has it.

    Raises DataError for a file that cannot be read or is no split, ConfigError when it does not fit what is loaded.
    """
    content = read_json(path)
    try:
        split = Split.from_json(content)
    except DataError as error:
        raise DataError(error.what, where=str(path)) from error
    loaded = {episode.index for episode in dataset.episodes}
    if absent := sorted({*split.train, *split.validation, *split.test} - loaded):
        raise ConfigError(
            f"the split names episode {absent[0]}, which is not loaded",
            where=str(path),
            hint=f"loaded are {len(loaded)} episodes, numbered {min(loaded)} to {max(loaded)}",
        )
    if not split.train:
        raise ConfigError("the split has nothing to train on", where=str(path))
    return Split(sorted(split.train), sorted(split.validation), sorted(split.test), split.windows)


def split_windows(dataset: Dataset, *, seed: int, eval_split: float | None, test_split: float) -> Split:
    """Divide the windows of all loaded episodes; `eval_split` None: a tenth of them is held out."""
    indices = sorted(episode.index for episode in dataset.episodes)
    validation = HELD_OUT_SHARE if eval_split is None else eval_split
    return Split(indices, windows=WindowShares(seed, validation, test_split))


def split_episodes(
    dataset: Dataset,
    *,
    seed: int,
    eval_split: float | None,
    eval_episodes: Sequence[int] | None,
    test_split: float = 0.0,
) -> Split:
    """Divide the loaded episodes.

    eval_episodes   these are held out
    eval_split      None: about a tenth, drawn per episode, none when there are fewer than 5 episodes
                    0: none;  above 0: LeRobot 0.6's rule, the last ceil(n * eval_split) episodes of each task

    The draw depends on (seed, episode index) alone, so adding episodes later never moves an old one across the border:
    an episode is held out when its number, uniform in 0..1, is below 0.1. So that at least one is, the lowest of the
    first five always is as well; they stay the first five.
    test_split      an episode is set apart as test when its number is above 1 - test_split, and it was not named or
                    drawn to be held out

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
        apart = _apart(indices, seed, test_split)
        left = [episode for episode in dataset.episodes if episode.index not in apart]
        held_out = _last_of_each_task(left, eval_split) if eval_split else set()
    test = _apart(indices, seed, test_split) - held_out
    train = [index for index in indices if index not in held_out | test]
    if not train:
        raise ConfigError(
            f"all {len(indices)} episodes would be held out and none trained on",
            where="--dataset.eval_episodes"
            if eval_episodes is not None
            else "--dataset.eval_split, --dataset.test_split",
            hint="hold out fewer; --dataset.eval_split=0 holds out none",
        )
    return Split(train, sorted(held_out), sorted(test))


def _apart(indices: Sequence[int], seed: int, share: float) -> set[int]:
    return {index for index in indices if _number(seed, index) >= 1 - share}


def _number(seed: int, index: int) -> float:
    """An episode's own number, uniform in 0..1."""
    return derive(seed, index, "held-out episodes") / 2**63


def _drawn(indices: Sequence[int], seed: int) -> set[int]:
    if len(indices) < FEWEST_EPISODES:
        return set()
    number = {index: _number(seed, index) for index in indices}
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
