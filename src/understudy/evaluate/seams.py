"""The jump at the seam of two chunks: how far the first action of a chunk is from the last one executed before it.

A robot that executes chunk after chunk jerks where two of them do not meet. A jump as large as the demonstrator's
usual step is none: the motion goes on. Predictions start from recorded observations, so on a robot, whose state is
what the last chunk made of it, seams may be smaller or larger than here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.policies.action_error import is_moving

if TYPE_CHECKING:
    from .result import Replay


@dataclass(frozen=True)
class Seams:
    """How far actions move from one control step to the next, per joint in the dataset's units, as means.

    jump          (A,) from the last action of a chunk to the first of the next one
    within        (A,) inside the predicted chunks; NaN when each is one action long
    demonstrated  (A,) in the demonstrations
    deviation     (A,) standard deviation of the demonstrated change from one step to the next
    is_moving     (A,) bool, false for joints that stand still: of their steps nothing is made
    count         how many seams
    """

    jump: np.ndarray
    within: np.ndarray
    demonstrated: np.ndarray
    deviation: np.ndarray
    is_moving: np.ndarray
    count: int

    @property
    def ratio(self) -> float | None:
        """Jump divided by the demonstrator's step: the median over the moving joints; None when there is none."""
        return self._times(self.jump)

    @property
    def ratio_within(self) -> float | None:
        """The same for the steps inside the chunks."""
        return self._times(self.within)

    def _times(self, moved: np.ndarray) -> float | None:
        # the median: a gripper that hardly ever steps, or a joint that only trembles, would decide a mean
        moving = self.is_moving & (self.demonstrated > 0)
        times = moved[moving] / self.demonstrated[moving]
        return float(np.median(times)) if len(times) and np.isfinite(times).all() else None

    def verdict(self) -> list[str]:
        """One sentence, or none when the demonstrator never moved."""
        if self.ratio is None:
            return []
        return [f"seams between chunks jump {self.ratio:.1f} times as far as the demonstrator moves in a step"]

    def to_json(self, joints: list[str]) -> dict[str, Any]:
        """Joint by joint, and the ratio; `jump_in_deviations` is null where the demonstrator moved evenly."""
        in_deviations = [j / d if d > 0 else None for j, d in zip(self.jump, self.deviation, strict=True)]
        within = [None if np.isnan(value) else float(value) for value in self.within]
        return {
            "count": self.count,
            "ratio": self.ratio,
            "ratio_within_chunks": self.ratio_within,
            "still_joints": [joint for joint, moves in zip(joints, self.is_moving, strict=True) if not moves],
            "jump": dict(zip(joints, self.jump.tolist(), strict=True)),
            "step_within_chunks": dict(zip(joints, within, strict=True)),
            "step_demonstrated": dict(zip(joints, self.demonstrated.tolist(), strict=True)),
            "jump_in_deviations": dict(zip(joints, in_deviations, strict=True)),
        }


def find_seams(replays: Sequence[Replay], spread: np.ndarray | None) -> Seams | None:
    """The seams of replayed episodes; None when no episode has two chunks.

    spread   (A,) standard deviation of the actions; None takes that of the replayed demonstrations
    """
    if all(len(replay.starts) < 2 for replay in replays):
        return None
    predicted = np.concatenate([_steps(replay.predicted) for replay in replays])
    demonstrated = np.concatenate([_steps(replay.demonstrated) for replay in replays])
    is_seam = np.concatenate([_seams_of(replay) for replay in replays])
    if spread is None:
        spread = np.concatenate([replay.demonstrated for replay in replays]).astype(np.float64).std(0)
    inside = predicted[~is_seam]
    return Seams(
        jump=np.abs(predicted[is_seam]).mean(0),
        within=np.abs(inside).mean(0) if len(inside) else np.full(predicted.shape[1], np.nan),
        demonstrated=np.abs(demonstrated).mean(0),
        deviation=demonstrated.std(0),
        is_moving=is_moving(spread),
        count=int(is_seam.sum()),
    )


def _steps(actions: np.ndarray) -> np.ndarray:
    """(T - 1, A) float64: the change from each action to the next."""
    return np.diff(actions.astype(np.float64), axis=0)


def _seams_of(replay: Replay) -> np.ndarray:
    """(T - 1,) bool: whether a new chunk begins after each step."""
    begins = np.zeros(len(replay.predicted), bool)
    begins[replay.starts] = True
    return begins[1:]
