"""Environment: a simulated task. Gymnasium's `reset` and `step` on top of four verbs that do not draw what nobody sees.

    begin(seed)       start the episode of this seed; the same seed is the same episode, whatever ran before
    look(names)       observe: joints, cameras; a camera is drawn only when somebody looks through it
    advance(action)   one control step, and how things stand after it
    expert()          the task's scripted demonstrator, which sees the physics and not the pictures

Rollouts use the four verbs; anything written for Gymnasium uses `reset` and `step`, which look at everything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium
import numpy as np

from understudy.core.rng import Rng
from understudy.data.spec import DatasetSpec, FeatureSpec, FeatureType

Observation = dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """What is the same in every episode of a task.

    name          as typed after --env.type: "so101/lift"
    version       goes up when the same seed or the same actions would give another episode than before
    fps           control steps a second
    horizon       control steps after which an episode is over
    features      observations and `action`, named, ordered and shaped as LeRobot does; cameras are (3, h, w)
    action_low    (A,) the limits of an action, in the units of the action; an action is clipped to them
    action_high   (A,)
    instructions  every instruction an episode can have
    robot_type    what the dataset calls the robot
    settings      what else was chosen and matters for results: cameras, picture size, renderer
    packages      whose versions decide what happens ("mujoco")
    """

    name: str
    version: int
    fps: int
    horizon: int
    features: dict[str, FeatureSpec]
    action_low: np.ndarray
    action_high: np.ndarray
    instructions: tuple[str, ...]
    robot_type: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()

    @property
    def spec(self) -> DatasetSpec:
        """What a policy for this task can be built from."""
        return DatasetSpec(self.features, self.fps)

    @property
    def cameras(self) -> list[str]:
        """The features that are pictures."""
        return self.spec.cameras


@dataclass(frozen=True)
class Outcome:
    """How an episode stands after a control step.

    over       nothing more can change: success, a fall; the time limit is the caller's affair
    success    the task's own test, held as long as the task asks
    progress   0..1, the best so far; 1 exactly when it succeeded
    reason     why it is over, in a few words ("success", "the pole fell"); "" while it is not
    """

    over: bool
    success: bool
    progress: float
    reason: str = ""


class Expert(Protocol):
    """A scripted demonstrator of one task."""

    def reset(self, rng: Rng) -> None:
        """Plan for the episode that has just begun."""

    def act(self) -> np.ndarray:
        """(A,) float64: the action for the present state of the physics, in the task's units."""


class Environment(gymnasium.Env[Observation, np.ndarray], ABC):
    """One simulated robot and its task. Not thread-safe; one process may hold several."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - Gymnasium's own, an instance's
    render_mode = "rgb_array"

    def __init__(self, task: Task) -> None:
        self.task = task
        self.action_space = gymnasium.spaces.Box(
            task.action_low.astype(np.float32), task.action_high.astype(np.float32), dtype=np.float32
        )
        self.observation_space: gymnasium.spaces.Space[Observation] = gymnasium.spaces.Dict(  # type: ignore[assignment]
            {name: _space(feature) for name, feature in task.spec.inputs().items()}
        )
        self.instruction = task.instructions[0]
        self._steps = 0

    @abstractmethod
    def begin(self, seed: int) -> str:
        """Start the episode of `seed`; its instruction in words. All randomness of the episode comes from the seed."""

    @abstractmethod
    def advance(self, action: np.ndarray) -> Outcome:
        """One control step with `action` (A,), finite, clipped to the limits here."""

    @abstractmethod
    def look(self, names: Collection[str] | None = None) -> Observation:
        """The named features, all for None: vectors (n,) float32, cameras (h, w, 3) uint8."""

    @abstractmethod
    def picture(self, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8: what a person wants to see of the present state, for videos."""

    @abstractmethod
    def expert(self) -> Expert:
        """The task's scripted demonstrator, bound to this environment. Raises ConfigError when it has none."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Gymnasium's: the first observation, and {"task": instruction}. No seed: one from Gymnasium's generator."""
        super().reset(seed=seed)
        self.instruction = self.begin(int(self.np_random.integers(2**31)) if seed is None else seed)
        self._steps = 0
        return self.look(), {"task": self.instruction}

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Gymnasium's: reward is 1.0 at success, else 0.0; truncated at the time limit."""
        outcome = self.advance(np.asarray(action, dtype=np.float64))
        self._steps += 1
        truncated = self._steps >= self.task.horizon and not outcome.over
        info = {"is_success": outcome.success, "progress": outcome.progress, "reason": outcome.reason}
        return self.look(), float(outcome.success), outcome.over, truncated, info

    def render(self) -> np.ndarray:
        """Gymnasium's: a picture for people."""
        return self.picture(640, 480)

    def close(self) -> None:
        """Let go of what the environment holds; afterwards it cannot be used. May be called twice."""


def _space(feature: FeatureSpec) -> gymnasium.spaces.Box:
    if feature.type is FeatureType.VISUAL:
        channels, height, width = feature.shape
        return gymnasium.spaces.Box(0, 255, (height, width, channels), np.uint8)
    return gymnasium.spaces.Box(-np.inf, np.inf, feature.shape, np.float32)
