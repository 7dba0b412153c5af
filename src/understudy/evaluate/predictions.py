"""What a policy predicts on recorded frames, made once per frame and then measured in several ways.

Every prediction starts from the true observation of its frame: nothing that the policy predicted before takes part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from understudy.core.errors import CheckpointError
from understudy.core.log import Advance
from understudy.core.rng import Rng

if TYPE_CHECKING:
    from understudy.data.frames import Frames
    from understudy.data.lerobot import Dataset, Episode
    from understudy.data.windows import Windows
    from understudy.policies.base import Policy


@dataclass(frozen=True)
class Predictions:
    """Chunks predicted at some frames of one episode, beside what was demonstrated there.

    frames           (n,) numbers of the frames in the episode, ascending
    chunks, actual   (n, S, A) float32 on the CPU, the dataset's units
    is_pad           (n, S) bool, true where nothing was demonstrated
    """

    episode: Episode
    frames: np.ndarray
    chunks: Tensor
    actual: Tensor
    is_pad: Tensor

    @property
    def is_complete(self) -> bool:
        """Whether there is a chunk at every frame of the episode."""
        return len(self.frames) == self.episode.length


@contextlib.contextmanager
def opened(dataset: Dataset, frames: Frames | None, policy: Policy) -> Iterator[Windows]:
    """Windows from each frame on, with the pictures that the policy reads; frames opened here are closed again."""
    from understudy.data.frames import open_frames, plan_frames
    from understudy.data.windows import Windows

    offsets = [offset for offset in policy.config.action_offsets() if offset >= 0]
    source = open_frames(dataset, plan_frames(dataset, tier="auto")) if frames is None else frames
    cameras = [name for name in dataset.spec.cameras if name in policy.config.input_features]
    try:
        yield Windows(dataset, source, action_offsets=offsets, cameras=cameras)
    finally:
        if frames is None:
            source.close()


def predict_episode(
    policy: Policy, windows: Windows, episode: Episode, frames: np.ndarray, batch_size: int, advance: Advance
) -> Predictions:
    """Predict at `frames` (numbers in the episode). Raises CheckpointError when a prediction is not finite."""
    parts = []
    for first in range(0, len(frames), batch_size):
        chosen = frames[first : first + batch_size]
        batch = windows.gather(episode.start + chosen)
        predicted = predict(policy, batch.observation, batch.task, Rng(0, int(episode.start + chosen[0])))
        _check_finite(predicted, episode.index, chosen)
        parts.append((predicted, batch.action, batch.action_is_pad))
        advance(len(chosen))
    chunks, actual, is_pad = (torch.cat(part) for part in zip(*parts, strict=True))
    return Predictions(episode, frames, chunks, actual, is_pad)


def predict(policy: Policy, observation: dict[str, Tensor], tasks: Sequence[str], rng: Rng) -> Tensor:
    """The policy's chunks (B, S, A) on the CPU in float32, wherever the policy is.

    tasks   a task for each sample, in words
    """
    placed = {name: value.to(policy.device) for name, value in observation.items()}
    return policy.predict(placed | policy.instruction(tasks), rng).float().cpu()


def _check_finite(predicted: Tensor, episode: int, frames: Sequence[int] | np.ndarray) -> None:
    bad = ~torch.isfinite(predicted).flatten(1).all(1).numpy()
    if bad.any():
        raise CheckpointError(
            "the policy predicts actions that are not finite",
            where=f"episode {episode}, frame {int(np.asarray(frames)[bad][0])}",
            hint="its weights are damaged or training had diverged; take an earlier checkpoint",
        )
