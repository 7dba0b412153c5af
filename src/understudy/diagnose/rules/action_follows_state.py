"""What actions have to do with states: the same, behind them (the wrong way round), or ahead by a constant time.

Actions are held against the states of earlier and later frames; the shift at which they agree best tells which.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule

_MOST_SHIFT_S = 1.0
# of a joint's range: the same numbers, and the same movement with the noise of a controller
_EQUAL, _ALIKE = 1e-3, 0.02
# times the difference without a shift, at most, for a lead to be worth a word, and for a lag to be believed: in sound
# recordings a shift backwards makes the difference larger (benchmarks/doctor_rates.py)
_BETTER, _BEHIND = 0.5, 0.8
_LONG_S = 0.25


def check(data: DatasetView) -> Iterator[Finding]:
    pairs = data.commanded()
    if not pairs:
        return
    spans = np.ptp(np.concatenate([state for state, _ in pairs]), axis=0)
    moving = spans > 0
    if not moving.any():
        return
    most = int(_MOST_SHIFT_S * data.fps)
    errors = {shift: _error(pairs, shift, moving, spans) for shift in range(-most, most + 1)}
    best = min(errors, key=errors.__getitem__)
    found = {"frames": best, "seconds": round(best / data.fps, 3), "difference": errors[best]}
    if errors[0] < _EQUAL:
        yield Finding(
            "error",
            f"actions are the states of the same frame (mean difference {errors[0]:.1e} of a joint's range): copying "
            "what is seen is a perfect answer, and a policy that does so stands still",
            "actions have to be what was commanded: the leader's joints, or the state of the next frame",
            {"difference": errors[0]},
        )
    elif best < 0 and errors[best] < _BEHIND * errors[0]:
        yield Finding(
            "error",
            f"actions lag behind the states: each is where the robot was {-best} frames before "
            f"({-best / data.fps:.2f} s), so the two columns seem to be swapped",
            "a command comes before the movement: look at how the script that recorded them fills `action` and "
            "`observation.state`, and record again, or exchange the columns",
            found,
        )
    elif best >= max(2, _LONG_S * data.fps) and errors[best] <= min(_BETTER * errors[0], _ALIKE):
        yield Finding(
            "note",
            f"the robot is where an action wants it {best} frames later ({best / data.fps:.2f} s): actions lead "
            "states by a constant time",
            "usual for slow arms; at execution the policy's actions need the same delay, so do not change the "
            "controller's gains or rate afterwards",
            found,
        )


def _error(pairs: list[tuple[np.ndarray, np.ndarray]], shift: int, moving: np.ndarray, spans: np.ndarray) -> float:
    """Mean difference between action t and state t + shift, as a part of each joint's range."""
    total, count = 0.0, 0
    for state, action in pairs:
        n = len(action)
        if n <= abs(shift) + 1:
            continue
        apart = action[max(0, -shift) : n - max(0, shift)] - state[max(0, shift) : n - max(0, -shift)]
        total += float((np.abs(apart)[:, moving] / spans[moving]).sum())
        count += len(apart) * int(moving.sum())
    return total / count if count else np.inf


RULE = Rule(
    "action_follows_state",
    Looks.DATASET,
    check,
    source="Isaac-GR00T thread 137 (actions equal states); huggingface/lerobot threads 3429, 3762",
)
