"""pendulum/calm and pendulum/noisy: keep the pole up for 100 control steps, 4 s, from a disturbed start.

The state is all there is to see. In `noisy` the cart gets another push than it was asked for, uniform in ±0.05 of an
action (±5 N) and drawn anew at each step: for a closed loop no threat, for actions executed in chunks one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.data.spec import STATE, FeatureSpec, FeatureType
from understudy.envs.environment import Environment, Observation, Outcome, Task

from .course import Course
from .expert import PendulumExpert
from .physics import ACTION_LIMIT, FALL_ANGLE, FPS, RAIL_M, START_SPREAD, STATE_NAMES, Physics

if TYPE_CHECKING:
    from understudy.envs.catalogue import EnvConfig

HORIZON = 100
NOISE = {"pendulum/calm": 0.0, "pendulum/noisy": 0.05}
INSTRUCTION = "keep the pole upright"


def make(name: str, config: EnvConfig) -> Pendulum:
    """The environment of the catalogue. Raises ConfigError for options that mean nothing here."""
    if config.cameras:
        raise ConfigError(
            f"the pendulum has no cameras, {', '.join(config.cameras)} cannot be seen",
            where="--env.cameras",
            hint=f"leave the option out: the task is observed through {STATE} alone",
        )
    noise = NOISE[name] if config.noise is None else config.noise
    spread = config.gain_spread or 0.0
    return Pendulum(task_of(name, noise, config.horizon or HORIZON, spread), noise, spread)


def task_of(name: str, noise: float, horizon: int, gain_spread: float = 0.0) -> Task:
    """What is the same in all episodes."""
    limit = np.array([ACTION_LIMIT])
    return Task(
        name=name,
        version=1,
        fps=FPS,
        horizon=horizon,
        features={
            STATE: FeatureSpec(STATE, FeatureType.STATE, (4,), STATE_NAMES),
            "action": FeatureSpec("action", FeatureType.ACTION, (1,), ("cart.push",)),
        },
        action_low=-limit,
        action_high=limit,
        instructions=(INSTRUCTION,),
        robot_type="inverted_pendulum",
        settings={
            "noise": noise,
            "start_spread": START_SPREAD,
            "fall_angle": FALL_ANGLE,
            "rail_m": RAIL_M,
            "success": f"the pole stood for {horizon} steps",
            **({"gain_spread": gain_spread} if gain_spread else {}),
        },
        packages=("mujoco",),
    )


def draw_start(seed: int) -> np.ndarray:
    """(4,) float64: the first state of the episode of `seed`, each number uniform in ±0.5."""
    return Rng(seed).numpy("pendulum start").uniform(-START_SPREAD, START_SPREAD, 4)


def noise_of(seed: int) -> np.random.Generator:
    """The generator of an episode's noise: one uniform draw in each step."""
    return Rng(seed).numpy("pendulum noise")


class Pendulum(Environment):
    """One inverted pendulum.

    state    (4,) float64, what the expert sees
    course   what is measured of the present episode; `course.converged_at[0]`, -1 while it has not converged
    """

    def __init__(self, task: Task, noise: float, gain_spread: float = 0.0) -> None:
        super().__init__(task)
        self.noise, self.gain_spread = noise, gain_spread
        self.state = np.zeros(4)
        self.course = Course(1)
        self._physics = Physics()
        self._noise = noise_of(0)

    def begin(self, seed: int) -> str:
        self.state = draw_start(seed)
        self.course = Course(1)
        self._noise = noise_of(seed)
        return INSTRUCTION

    def advance(self, action: np.ndarray) -> Outcome:
        push = np.clip(action, -ACTION_LIMIT, ACTION_LIMIT) + self._noise.uniform(-self.noise, self.noise, 1)
        after = self._physics.step(self.state[None], push)
        self.state = after[0]
        self.course.add(after, np.array([0]))
        return self._outcome()

    def _outcome(self) -> Outcome:
        stood = int(self.course.stood[0])
        progress = min(stood / self.task.horizon, 1.0)
        if self.course.fallen[0]:
            return Outcome(True, False, progress, "the pole fell")
        if stood >= self.task.horizon:
            return Outcome(True, True, 1.0, "success")
        return Outcome(False, False, progress)

    def look(self, names: Collection[str] | None = None) -> Observation:
        wanted = [STATE] if names is None else names
        return {name: self.state.astype(np.float32) for name in wanted if name == STATE}

    def picture(self, width: int, height: int) -> np.ndarray:
        from .picture import draw

        return draw(self.state, width, height)

    def expert(self, gain_spread: float | None = None) -> PendulumExpert:
        """The cascaded PID; `gain_spread` as PendulumExpert has it, None: the environment's."""
        return PendulumExpert(self, self.gain_spread if gain_spread is None else gain_spread)
