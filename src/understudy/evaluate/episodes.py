"""Which episodes may be called held-out: those the run of the policy put aside, and no others by guess."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from understudy.core import log
from understudy.core.errors import ConfigError
from understudy.core.run_folder import RunFolder
from understudy.report.events import lookup, read_history

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

_ASK = "name them: --dataset.episodes=all, or a list such as --dataset.episodes='[3, 7]'"


def choose_episodes(asked: Sequence[int] | Literal["all"] | None, dataset: Dataset, run: RunFolder | None) -> list[int]:
    """The episodes to evaluate on: those asked for, or the validation and test episodes of the policy's own run.

    Warns when some of them were trained on. Raises ConfigError when nothing was asked for and it is not certain which
    episodes were held out.
    """
    split = _split_of(run, dataset)
    if asked is not None:
        episodes = [episode.index for episode in dataset.episodes] if asked == "all" else list(asked)
        seen = sorted(set(episodes) & set(split["train"])) if split else []
        if seen:
            log.warn(
                f"{len(seen)} of {len(episodes)} episodes were trained on, so this is no held-out error: {_short(seen)}"
            )
        return episodes
    if run is None:
        raise ConfigError(
            "which episodes were held out is not known: the policy does not lie in a run folder", hint=_ASK
        )
    if split is None:
        raise ConfigError(
            "which episodes were held out is not known: the run was not trained on exactly this dataset",
            where=f"{run.path} and {dataset.root}",
            hint=_ASK,
        )
    episodes = sorted(split["validation"] + split["test"])
    if not episodes:
        raise ConfigError("the run held no episode out", where=str(run.split), hint=_ASK)
    return episodes


def _split_of(run: RunFolder | None, dataset: Dataset) -> dict[str, list[int]] | None:
    """The run's split.json if it speaks of this very dataset, told by the fingerprint; None otherwise."""
    if run is None or not run.split.exists():
        return None
    if lookup(read_history(run.events).started, "dataset.fingerprint") != dataset.fingerprint:
        return None
    split = json.loads(run.split.read_text())
    return {part: [int(episode) for episode in split.get(part, [])] for part in ("train", "validation", "test")}


def _short(episodes: list[int]) -> str:
    shown = ", ".join(map(str, episodes[:8]))
    return f"{shown}, ..." if len(episodes) > 8 else shown
