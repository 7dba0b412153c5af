"""What actions have to do with states: the same, one frame apart, the wrong way round, or behind by a constant time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule

_MOST_LAG_S = 1.0
_EQUAL = 1e-3  # of a joint's range


def check(data: DatasetView) -> Iterator[Finding]:
    pairs = data.commanded()
    if not pairs:
        return
    spans = np.ptp(np.concatenate([state for state, _ in pairs]), axis=0)
    moving = spans > 0
    if not moving.any():
        return
    errors = {lag: _error(data, lag, moving, spans) for lag in range(-2, int(_MOST_LAG_S * data.fps) + 1)}
    if errors[0] < _EQUAL:
        yield Finding(
            "error",
            f"actions are the states of the same frame (mean difference {errors[0]:.1e} of a joint's range): copying "
            "what is seen is a perfect answer, and a policy that does so stands still",
            "actions have to be what was commanded: the leader's joints, or the state of the next frame",
            {"difference": errors[0]},
        )
        return
    if min(errors[-1], errors[-2]) < _EQUAL:
        yield Finding(
            "error",
            "each action is the state of an earlier frame: state and action seem to be swapped",
            "swap the two columns and record again from the script that wrote them",
            {"difference": min(errors[-1], errors[-2])},
        )
        return
    yield from _late(data, errors)


def _late(data: DatasetView, errors: dict[int, float]) -> Iterator[Finding]:
    best = min(errors, key=errors.__getitem__)
    if best < 0.25 * data.fps or best < 2 or errors[best] > 0.5 * errors[0] or errors[best] > 0.02:
        return
    yield Finding(
        "note",
        f"the robot is where an action wants it {best} frames later ({best / data.fps:.2f} s): actions lead "
        "states by a constant time",
        "usual for slow arms; at execution the policy's actions need the same delay, so do not change the controller's "
        "gains or rate afterwards",
        {"frames": best, "seconds": round(best / data.fps, 3), "difference": errors[best]},
    )


def _error(data: DatasetView, lag: int, moving: np.ndarray, spans: np.ndarray) -> float:
    """Mean difference between action t and state t + lag, as a part of each joint's range."""
    total, count = 0.0, 0
    for state, action in data.commanded():
        n = len(action)
        if n <= abs(lag) + 1:
            continue
        apart = action[max(0, -lag) : n - max(0, lag)] - state[max(0, lag) : n - max(0, -lag)]
        total += float((np.abs(apart)[:, moving] / spans[moving]).sum())
        count += len(apart) * int(moving.sum())
    return total / count if count else np.inf


RULE = Rule(
    "action_follows_state",
    Looks.DATASET,
    check,
    source="huggingface/lerobot thread 3762 (leader and follower apart); Isaac-GR00T thread 137 (actions equal states)",
)
