"""How a policy is timed while it predicts, and while it drives a robot at 30 Hz. No program's name is in here.

Both sides' timing programs use this file, each in its own environment, so it needs nothing but numpy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np

RATE_HZ = 30
Observation = dict[str, np.ndarray]


def observations(height: int, width: int, count: int) -> list[Observation]:
    """What a robot would see: a state of six joints, and a camera's picture (height, width, 3), uint8."""
    rng = np.random.default_rng(0)
    return [
        {
            "observation.state": rng.normal(size=6).astype(np.float32),
            "observation.images.front": rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        }
        for _ in range(count)
    ]


def time_policy(
    reset: Callable[[], object],
    act: Callable[[Observation], object],
    *,
    size: tuple[int, int],
    predictions: int,
    control_steps: int,
) -> None:
    """Print one JSON line: seconds of each prediction, and of each control step.

    reset   forget the chunk that is being executed
    act     an observation -> the next action in the robot's units; predicts a chunk when there is none left. Right
            after a reset that is a whole prediction, from the picture's bytes to the actions
    """
    seen = observations(*size, count=8)
    uncounted, predict_s = 5, []
    for number in range(uncounted + predictions):
        reset()
        began = time.perf_counter()
        act(seen[number % len(seen)])
        predict_s.append(time.perf_counter() - began)
    reset()
    act_s, late_s = drive(act, seen, control_steps)
    print(json.dumps({"predict_s": predict_s[uncounted:], "act_s": act_s, "late_s": late_s}), flush=True)


def drive(act: Callable[[Observation], object], seen: list[Observation], steps: int) -> tuple[list[float], list[float]]:
    """Act at RATE_HZ, sleeping in between: seconds that each `act` took, and how late each action came to its tick.

    After an action that came too late the next tick is taken as it comes: a robot does not catch up.
    """
    act_s, late_s = [], []
    tick = time.perf_counter()
    for number in range(steps):
        began = time.perf_counter()
        act(seen[number % len(seen)])
        ended = time.perf_counter()
        act_s.append(ended - began)
        tick += 1 / RATE_HZ
        late_s.append(max(0.0, ended - tick))
        time.sleep(max(0.0, tick - ended))
        tick = max(tick, ended)
    return act_s, late_s
