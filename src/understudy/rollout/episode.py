"""One episode: an actor drives an environment from a seed until it is over. What goes wrong inside is an outcome.

A policy that answers NaN, or asks for what is far outside the limits of the action, fails its episode with that reason;
an environment that raises does too. The caller goes on with the next seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from understudy.core.errors import UnderstudyError
from understudy.envs.environment import Environment

from .actors import Actor

TIME_LIMIT = "time limit"
# what the reason of an episode begins with when it ended by an exception
RAISED = "the environment or the policy raised"
# an action may miss its limits by this share of their range and is clipped, as a servo would; further off is a fault
TOLERANCE = 1.0


@dataclass(frozen=True)
class Episode:
    """What is known of an episode afterwards.

    progress    0..1, the best that was reached
    steps       control steps taken
    reason      why it ended: "success", "time limit", the task's own, or what went wrong
    latencies   seconds of each prediction; wall_s: seconds of the whole episode. These two are measured; all else is
                a function of the seed.
    """

    seed: int
    instruction: str
    success: bool
    progress: float
    steps: int
    reason: str
    latencies: list[float]
    wall_s: float


# called before each step with (step, clean action, executed action) while the environment is in the state that the
# action answers
Watch = Callable[[int, np.ndarray, np.ndarray], None]


def run_episode(
    env: Environment,
    actor: Actor,
    seed: int,
    *,
    disturb: Callable[[np.ndarray], np.ndarray] | None = None,
    watch: Watch | None = None,
    horizon: int | None = None,
) -> Episode:
    """Run the episode of `seed`.

    disturb   what really happens to an action on its way to the motors; None: nothing
    watch     sees every state before its step, with the clean and the executed action
    horizon   control steps at most; None: the task's own

    Raises nothing but UnderstudyError (a policy that does not fit the task) and KeyboardInterrupt.
    """
    began = time.perf_counter()
    step, progress, success, reason, instruction = 0, 0.0, False, TIME_LIMIT, ""
    try:
        instruction = env.instruction = env.begin(seed)
        actor.reset(env, seed)
        while step < (horizon or env.task.horizon):
            action = actor.act()
            if fault := fault_of(env, action):
                reason = fault
                break
            clean = np.clip(action, env.task.action_low, env.task.action_high)
            executed = clean if disturb is None else disturb(clean)
            if watch is not None:
                watch(step, clean, executed)
            outcome = env.advance(executed)
            step, progress = step + 1, outcome.progress
            if outcome.over:
                success, reason = outcome.success, outcome.reason
                break
    except UnderstudyError:
        raise
    except Exception as error:
        success, reason = False, f"{RAISED} {type(error).__name__}: {error}"
    return Episode(
        seed=seed,
        instruction=instruction,
        success=success,
        progress=float(progress),
        steps=step,
        reason=reason,
        latencies=list(actor.latencies),
        wall_s=time.perf_counter() - began,
    )


def is_broken(episode: Episode) -> bool:
    """Whether something raised in it: the environment may not be sound any more."""
    return episode.reason.startswith(RAISED)


def fault_of(env: Environment, action: np.ndarray) -> str | None:
    """What is wrong with an action, None if nothing is."""
    low, high = env.task.action_low, env.task.action_high
    if action.shape != low.shape:
        return f"the action has shape {action.shape}, the task takes {low.shape}"
    if not np.isfinite(action).all():
        return "the policy's action is not a finite number"
    margin = TOLERANCE * (high - low)
    outside = (action < low - margin) | (action > high + margin)
    if outside.any():
        names = env.task.features["action"].names
        worst = int(np.argmax(outside))
        return f"the policy left its limits: {names[worst] if names else worst} = {action[worst]:.3g}"
    return None
