"""Held-out action error: what a policy predicts from true observations, against what was demonstrated.

Every frame of the episodes but their first is a window: `predict` gives a chunk, and the chunk is compared with the
actions that followed. A small error is necessary for a policy that works, not sufficient: nothing is executed here, so
errors do not add up as they do on a robot. What it does tell is whether the policy beats those that need no training
(baselines.py), what it looks at (probes.py), and how well its chunks fit together (seams.py, horizon_choice.py).

Unusual: each frame is predicted once. The error, the replayed episodes and every way of executing them are read off
the same predictions, an episode at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from understudy.core.errors import ConfigError
from understudy.core.log import progress
from understudy.data.rows import evenly_spaced
from understudy.policies.action_error import ActionError
from understudy.policies.base import evaluating
from understudy.policies.config import Horizon
from understudy.policies.instructed import check_tasks, check_told
from understudy.policies.matching import check_features

from .baselines import add_errors, untrained
from .execution import ensembled
from .horizon_choice import HorizonChoice, Trials
from .nearest import NOT_GIVEN, Absent, find_neighbours
from .predictions import Predictions, opened, predict_episode
from .probed import Probed
from .probes import probe
from .result import HeldOutResult, Replay
from .seams import find_seams

if TYPE_CHECKING:
    from understudy.data.frames import Frames
    from understudy.data.lerobot import Dataset, Episode
    from understudy.data.windows import Windows
    from understudy.policies.base import Policy

    from .nearest import Nearest

# each is predicted once more per probe: five times for one camera and a state, eight times for two cameras
PROBE_FRAMES = 256


def evaluate(
    policy: Policy,
    dataset: Dataset,
    *,
    episodes: Sequence[int] | None = None,
    batch_size: int = 16,
    max_frames: int | None = None,
    frames: Frames | None = None,
    name: str | None = None,
    training: Dataset | Absent = NOT_GIVEN,
    validation: Collection[int] = (),
    probe_frames: int = PROBE_FRAMES,
    task: str | None = None,
) -> HeldOutResult:
    """Action error of `policy` on whole episodes of `dataset`, beside baselines and probes.

    episodes       episode indices; None: every episode that is loaded
    max_frames     measure at most this many frames, evenly spaced; None: all
    frames         the dataset's frames if they are open already
    name           what the result calls the policy; None: its type
    training       the training episodes, which the nearest neighbour is looked for in, or why they cannot be had
    validation     of the episodes those by which settings may be chosen: never any that a final number is taken from
    probe_frames   probe what the policy looks at on this many frames, evenly spaced; 0: not at all
    task           what a policy that reads is told, in words; None: each episode's own task

    The policy stays in the mode and on the device it is in. Raises ConfigError when an episode is not loaded, when the
    policy's features are not those of the dataset, and when there is no frame to measure; CheckpointError when a
    prediction is not finite.
    """
    chosen = _chosen(dataset, episodes)
    check_features(policy.config, dataset.spec)
    dataset = as_told(policy, dataset, task, name)
    measured = _measured(dataset, chosen, max_frames)
    deviation = policy.normalizer.statistics.get("action", {}).get("std")
    spread = None if deviation is None else np.asarray(deviation, dtype=np.float64)
    neighbours = find_neighbours(training, dataset, [episode.index for episode in chosen], policy.config)
    probed = None
    with opened(dataset, frames, policy) as windows, evaluating(policy), torch.no_grad():
        survey = _survey(policy, dataset, windows, chosen, measured, neighbours, set(validation), spread, batch_size)
        if probe_frames:
            rows = evenly_spaced(measured, probe_frames)
            probed = Probed(probe(policy, windows, rows, batch_size), spread, len(rows))
    choice, why_not = _choice(survey, max_frames)
    absent = {"nearest": neighbours.reason} if isinstance(neighbours, Absent) else {}
    return HeldOutResult(
        policy=name or policy.config.type,
        dataset=dataset.repo_id,
        fps=dataset.fps,
        episodes=[episode.index for episode in chosen],
        frames=len(measured),
        joints=list(dataset.spec.action.names),
        errors=survey.errors,
        deviation=spread,
        replays=survey.replays,
        probed=probed,
        seams=find_seams(survey.replays, spread),
        horizon_choice=choice,
        task=task,
        absent=absent | ({"horizon_choice": why_not} if why_not else {}),
    )


def as_told(policy: Policy, dataset: Dataset, task: str | None, name: str | None) -> Dataset:
    """The recordings with what the policy is told at each frame: `task`, or where it is None each episode's own.

    name   of the policy, for an error
    Raises ConfigError for a policy that cannot be told, or a task without words; DataError for an episode without.
    """
    if task is not None:
        check_told(policy.config, task, name or policy.config.type)
        dataset = dataset.told(task)
    check_tasks(policy.config, {episode.index: episode.tasks for episode in dataset.episodes}, dataset.repo_id)
    return dataset


def _chosen(dataset: Dataset, indices: Sequence[int] | None) -> list[Episode]:
    if indices is None:
        indices = [episode.index for episode in dataset.episodes]
    by_index = {episode.index: episode for episode in dataset.episodes}
    missing = sorted(set(indices) - set(by_index))
    if missing or not indices:
        raise ConfigError(
            f"episodes {missing} are not in the dataset" if missing else "no episode to measure: n = 0",
            where=dataset.repo_id,
            hint=f"it has {len(by_index)} episodes, {min(by_index)} to {max(by_index)}",
        )
    return [by_index[index] for index in dict.fromkeys(indices)]


def _measured(dataset: Dataset, chosen: list[Episode], max_frames: int | None) -> np.ndarray:
    """The rows whose error counts. Raises ConfigError when there is none."""
    measured = evenly_spaced(np.concatenate([np.arange(e.start + 1, e.start + e.length) for e in chosen]), max_frames)
    if not len(measured):
        raise ConfigError(
            "there is no frame to measure: n = 0",
            where=f"{dataset.repo_id}, episodes {[e.index for e in chosen]}",
            hint="the first frame of an episode is left out, so an episode needs at least two",
        )
    return measured


@dataclass
class _Survey:
    """What one pass over the episodes found."""

    trials: Trials
    errors: dict[str, ActionError] = field(default_factory=dict)
    replays: list[Replay] = field(default_factory=list)


def _survey(
    policy: Policy,
    dataset: Dataset,
    windows: Windows,
    chosen: list[Episode],
    measured: np.ndarray,
    neighbours: Nearest | Absent,
    validation: set[int],
    spread: np.ndarray | None,
    batch_size: int,
) -> _Survey:
    """Predict at every frame that is wanted, once; errors over `measured`, replays, and settings on `validation`."""
    horizon = policy.config.horizon()._replace(predicted=len(windows.offsets))
    own_spread = dataset.columns["action"].astype(np.float64).std(0) if spread is None else spread
    survey = _Survey(Trials(horizon, own_spread))
    counts = np.zeros(dataset.num_rows, bool)
    counts[measured] = True
    wanted = [_wanted(episode, counts, horizon) for episode in chosen]
    with progress("evaluating", sum(map(len, wanted)), "frames") as advance:
        for episode, frames in zip(chosen, wanted, strict=True):
            found = predict_episode(policy, windows, episode, frames, batch_size, advance)
            _add_errors(survey.errors, found, policy, dataset, counts, neighbours)
            demonstrated = dataset.columns["action"][episode.start : episode.start + episode.length]
            survey.replays.append(_replay(found, demonstrated, horizon))
            if episode.index in validation and found.is_complete:
                survey.trials.add(episode.index, found.chunks.numpy(), demonstrated)
    return survey


def _wanted(episode: Episode, counts: np.ndarray, horizon: Horizon) -> np.ndarray:
    """The frames to predict at: those whose error counts, and those from which chunks are executed."""
    inside = np.flatnonzero(counts[episode.start : episode.start + episode.length])
    return np.union1d(inside, _starts(episode.length, horizon))


def _starts(length: int, horizon: Horizon) -> np.ndarray:
    return np.arange(0, length, 1 if horizon.ensemble_coefficient is not None else horizon.executed)


def _add_errors(
    errors: dict[str, ActionError],
    found: Predictions,
    policy: Policy,
    dataset: Dataset,
    counts: np.ndarray,
    neighbours: Nearest | Absent,
) -> None:
    """policy, hold, mean where the statistics allow it, nearest where there is one -> error where it counts."""
    measured = torch.from_numpy(counts[found.episode.start + found.frames])
    rows = found.episode.start + found.frames[measured.numpy()]
    if not len(rows):
        return
    steps = found.actual.shape[1]
    chunks = {"policy": found.chunks[measured], **untrained(policy, dataset, rows, steps)}
    if not isinstance(neighbours, Absent):
        chunks["nearest"] = neighbours.chunks(dataset, rows, steps)
    add_errors(errors, chunks, found.actual[measured], found.is_pad[measured])


def _replay(found: Predictions, demonstrated: np.ndarray, horizon: Horizon) -> Replay:
    """The episode as the policy would have acted it out, executed as configured, each chunk from a true observation."""
    starts = _starts(found.episode.length, horizon)
    chunks = found.chunks[np.isin(found.frames, starts)].numpy()
    if horizon.ensemble_coefficient is not None:
        predicted = ensembled(chunks, horizon.ensemble_coefficient)
    else:
        predicted = chunks[:, : horizon.executed].reshape(-1, chunks.shape[-1])[: found.episode.length]
    return Replay(found.episode.index, demonstrated, predicted, starts)


def _choice(survey: _Survey, max_frames: int | None) -> tuple[HorizonChoice | None, str]:
    """How to execute chunks, or None and the reason."""
    choice = survey.trials.result()
    if choice is not None:
        return choice, ""
    if max_frames is not None:
        return None, "it needs every frame, and only some were measured"
    if survey.trials.horizon.predicted < 2:
        return None, "the policy predicts one action at a time"
    return None, "no validation episode of the policy's own run is among the evaluated ones"
