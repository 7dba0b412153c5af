"""Held-out action error: what a policy predicts from true observations, against what was demonstrated.

Every frame of the episodes but their first is a window: `predict` gives a chunk, and the chunk is compared with the
actions that followed. A small error is necessary for a policy that works, not sufficient: nothing is executed here, so
errors do not add up as they do on a robot. What it does tell is whether the policy beats two that need no training.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from understudy.core.errors import CheckpointError, ConfigError
from understudy.core.log import progress
from understudy.core.rng import Rng
from understudy.data.rows import evenly_spaced
from understudy.policies.action_error import ActionError, action_error

from .baselines import hold, mean_action
from .matching import check_features
from .result import HeldOutResult, Replay

if TYPE_CHECKING:
    from understudy.data.frames import Frames
    from understudy.data.lerobot import Dataset, Episode
    from understudy.data.windows import Windows
    from understudy.policies.base import Policy


def evaluate(
    policy: Policy,
    dataset: Dataset,
    *,
    episodes: Sequence[int] | None = None,
    batch_size: int = 16,
    max_frames: int | None = None,
    frames: Frames | None = None,
    name: str | None = None,
) -> HeldOutResult:
    """Action error of `policy` on whole episodes of `dataset`, beside the two baselines.

    episodes     episode indices; None: every episode that is loaded
    max_frames   measure at most this many frames, evenly spaced; None: all
    frames       the dataset's frames if they are open already
    name         what the result calls the policy; None: its type

    The policy stays in the mode and on the device it is in. Raises ConfigError when an episode is not loaded, when the
    policy's features are not those of the dataset, and when there is no frame to measure.
    """
    chosen = _chosen(dataset, episodes)
    check_features(policy.config, dataset.spec)
    every = np.concatenate([np.arange(e.start + 1, e.start + e.length) for e in chosen])
    measured = evenly_spaced(every, max_frames)
    if not len(measured):
        raise ConfigError(
            "there is no frame to measure: n = 0",
            where=f"{dataset.repo_id}, episodes {[e.index for e in chosen]}",
            hint="the first frame of an episode is left out, so an episode needs at least two",
        )
    offsets = [offset for offset in policy.config.action_offsets() if offset >= 0]
    executed = policy.config.horizon().executed
    with _opened(dataset, frames, policy, offsets) as windows, _predicting(policy):
        errors = _measure(policy, dataset, windows, measured, batch_size)
        replays = [_replay(policy, dataset, windows, episode, executed, batch_size) for episode in chosen]
    deviation = policy.normalizer.statistics.get("action", {}).get("std")
    return HeldOutResult(
        policy=name or policy.config.type,
        dataset=dataset.repo_id,
        fps=dataset.fps,
        episodes=[episode.index for episode in chosen],
        frames=len(measured),
        joints=list(dataset.spec.action.names),
        errors=errors,
        deviation=None if deviation is None else np.asarray(deviation, dtype=np.float64),
        replays=replays,
    )


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


@dataclass
class _Chunk:
    """Predicted and demonstrated actions (B, S, A) of some rows, and (B, S) where nothing was demonstrated."""

    rows: np.ndarray
    predicted: torch.Tensor
    actual: torch.Tensor
    is_pad: torch.Tensor


@contextlib.contextmanager
def _opened(dataset: Dataset, frames: Frames | None, policy: Policy, offsets: Sequence[int]) -> Iterator[Windows]:
    """Windows over the dataset, with its frames decoded; frames that were opened here are closed again."""
    from understudy.data.frames import open_frames, plan_frames
    from understudy.data.windows import Windows

    opened = open_frames(dataset, plan_frames(dataset, tier="auto")) if frames is None else frames
    cameras = [name for name in dataset.spec.cameras if name in policy.config.input_features]
    try:
        yield Windows(dataset, opened, action_offsets=offsets, cameras=cameras)
    finally:
        if frames is None:
            opened.close()


@contextlib.contextmanager
def _predicting(policy: Policy) -> Iterator[None]:
    was_training = policy.training
    policy.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        policy.train(was_training)


def _chunks(policy: Policy, windows: Windows, rows: np.ndarray, batch_size: int) -> Iterator[_Chunk]:
    device = next(policy.parameters()).device
    for first in range(0, len(rows), batch_size):
        batch = windows.gather(rows[first : first + batch_size])
        observation = {name: value.to(device) for name, value in batch.observation.items()}
        predicted = policy.predict(observation, Rng(0, first)).float().cpu()
        yield _Chunk(rows[first : first + batch_size], predicted, batch.action, batch.action_is_pad)


def _measure(
    policy: Policy, dataset: Dataset, windows: Windows, rows: np.ndarray, batch_size: int
) -> dict[str, ActionError]:
    """policy, hold and, where the statistics allow it, mean -> error over all of `rows`."""
    errors: dict[str, ActionError] = {}
    mean = mean_action(policy)
    with progress("evaluating", len(rows), "frames") as advance:
        for chunk in _chunks(policy, windows, rows, batch_size):
            _check_finite(chunk, dataset)
            steps = chunk.actual.shape[1]
            candidates = {"policy": chunk.predicted, "hold": hold(dataset, chunk.rows, steps)}
            if mean is not None:
                candidates["mean"] = mean.expand_as(chunk.actual)
            for name, predicted in candidates.items():
                error = action_error(predicted, chunk.actual, chunk.is_pad)
                errors[name] = errors[name] + error if name in errors else error
            advance(len(chunk.rows))
    return errors


def _check_finite(chunk: _Chunk, dataset: Dataset) -> None:
    bad = ~torch.isfinite(chunk.predicted).flatten(1).all(1).numpy()
    if bad.any():
        row = int(chunk.rows[bad][0])
        episode = dataset.episodes[int(dataset.episode_of_row[row])].index
        raise CheckpointError(
            "the policy predicts actions that are not finite",
            where=f"episode {episode}, frame {int(dataset.frame_index[row])}",
            hint="its weights are damaged or training had diverged; take an earlier checkpoint",
        )


def _replay(
    policy: Policy, dataset: Dataset, windows: Windows, episode: Episode, executed: int, batch_size: int
) -> Replay:
    """The episode as the policy would have acted it out, `executed` actions at a time, each from a true observation."""
    starts = np.arange(0, episode.length, executed)
    chunks = _chunks(policy, windows, episode.start + starts, batch_size)
    predicted = [chunk.predicted[:, :executed].flatten(0, 1).numpy() for chunk in chunks]
    demonstrated = dataset.columns["action"][episode.start : episode.start + episode.length]
    return Replay(episode.index, demonstrated, np.concatenate(predicted)[: episode.length], starts)
