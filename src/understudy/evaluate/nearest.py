"""The nearest neighbour: what the demonstrator did after the training frame whose state is most like this one.

It looks at no picture and generalises nothing, yet on many sets it is hard to beat: where it is as good as a policy,
the state alone tells what to do next on these recordings, and the policy has not shown that it needs its cameras.
States are compared after each of their numbers is divided by its standard deviation over the training frames.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from understudy.data.rows import evenly_spaced, rows_of_episodes
from understudy.data.spec import FeatureType

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.policies.config import PolicyConfig

# neighbouring frames are nearly the same: of more than this many, an even sample answers as well
MOST_FRAMES = 100_000
# distances computed at once: 256 x 16,384 of them in float64 take 34 MB
_QUERIES_AT_ONCE = 256
_KNOWN_AT_ONCE = 16_384


@dataclass(frozen=True)
class Absent:
    """Why something was not measured, in words that follow "absent: "."""

    reason: str


NOT_GIVEN = Absent("the training episodes were not given")


def find_neighbours(
    training: Dataset | Absent, dataset: Dataset, evaluated: Collection[int], config: PolicyConfig
) -> Nearest | Absent:
    """The baseline, from the episodes loaded in `training`; those that are evaluated are left out of it."""
    if isinstance(training, Absent):
        return training
    vectors = [name for name, feature in config.input_features.items() if feature.type is not FeatureType.VISUAL]
    if not vectors:
        return Absent("the policy reads no state")
    for name in (*vectors, "action"):
        there = training.spec.features.get(name)
        if there is None or there.shape != dataset.spec.features[name].shape:
            return Absent(f"the training episodes have no `{name}` like that of the evaluated ones")
    same = training is dataset or training.fingerprint == dataset.fingerprint
    used = {episode.index for episode in training.episodes} - (set(evaluated) if same else set())
    rows = evenly_spaced(rows_of_episodes(training, used), MOST_FRAMES)
    return Nearest(training, rows, vectors) if len(rows) else Absent("there is no training episode to look in")


class Nearest:
    """Answers with the actions that followed the most similar of `rows` of the training episodes."""

    def __init__(self, training: Dataset, rows: np.ndarray, vectors: Sequence[str]) -> None:
        self._rows = rows
        self._vectors = list(vectors)
        self._action = training.columns["action"]
        ends = np.array([episode.start + episode.length for episode in training.episodes])
        self._last = ends[training.episode_of_row[rows]] - 1
        states = self._states(training, rows)
        self._mean = states.mean(0)
        spread = states.std(0)
        # what never changed in training tells frames apart by noise alone, or not at all
        changes = spread > 1e-7 * np.abs(states).max(0)
        self._scale = np.where(changes, 1 / np.where(changes, spread, 1.0), 0.0)
        self._known = (states - self._mean) * self._scale
        self._squares = np.einsum("kd,kd->k", self._known, self._known)

    def chunks(self, dataset: Dataset, rows: np.ndarray, steps: int) -> Tensor:
        """(B, steps, A) for the frames at `rows` of `dataset`; past the end of an episode its last action."""
        found = self.neighbours((self._states(dataset, rows) - self._mean) * self._scale)
        ahead = np.minimum(self._rows[found][:, None] + np.arange(steps), self._last[found][:, None])
        return torch.from_numpy(self._action[ahead])

    def neighbours(self, queries: np.ndarray) -> np.ndarray:
        """(B,) which known frame is nearest to each of the scaled states (B, D); of equally near ones the first."""
        found = np.empty(len(queries), np.int64)
        for first in range(0, len(queries), _QUERIES_AT_ONCE):
            part = slice(first, first + _QUERIES_AT_ONCE)
            found[part] = self._nearest_of_all(queries[part])
        return found

    def _nearest_of_all(self, queries: np.ndarray) -> np.ndarray:
        smallest = np.full(len(queries), np.inf)
        found = np.zeros(len(queries), np.int64)
        for first in range(0, len(self._known), _KNOWN_AT_ONCE):
            part = slice(first, first + _KNOWN_AT_ONCE)
            # |q - k|^2 without |q|^2, which is the same for every k; in place, for the memory is what takes time
            distance = queries @ self._known[part].T
            distance *= -2
            distance += self._squares[part]
            at = distance.argmin(1)
            value = distance[np.arange(len(queries)), at]
            better = value < smallest
            smallest[better], found[better] = value[better], first + at[better]
        return found

    def _states(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        """(B, D) float64: every vector that the policy reads, side by side."""
        return np.concatenate([dataset.columns[name][rows] for name in self._vectors], axis=1).astype(np.float64)
