"""Who decides what the robot does next: a policy, the task's expert, or a reference that needs no training.

expert   the task's scripted demonstrator
hold     stays where it is: the first action repeated (the state, where the state is a position like the action)
random   uniform between the limits of the action
mean     the mean action of the training data, whatever is seen (needs a policy that stores it)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from understudy.core.rng import Rng
from understudy.data.spec import STATE
from understudy.envs.environment import Environment, Expert

if TYPE_CHECKING:
    from understudy.policies.base import Policy


class Actor(Protocol):
    """Drives one environment, episode after episode."""

    latencies: list[float]  # seconds of each decision of this episode that took thought (a prediction)

    def reset(self, env: Environment, seed: int) -> None:
        """An episode has just begun in `env`; every draw of the actor in it comes from `seed`."""

    def act(self) -> np.ndarray:
        """(A,): the action for the present state, in the task's units."""


class ExpertActor:
    """The task's own demonstrator."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self._expert: Expert | None = None

    def reset(self, env: Environment, seed: int) -> None:
        self.latencies = []
        self._expert = env.expert()
        self._expert.reset(Rng(seed))

    def act(self) -> np.ndarray:
        assert self._expert is not None
        return self._expert.act()


class HoldActor:
    """Stays: repeats the joint positions it began with, or zero where the action is no position."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self._action = np.zeros(0)

    def reset(self, env: Environment, seed: int) -> None:
        self.latencies = []
        state = env.task.features.get(STATE)
        same = state is not None and state.names == env.task.features["action"].names
        self._action = env.look([STATE])[STATE].astype(np.float64) if same else np.zeros(len(env.task.action_low))

    def act(self) -> np.ndarray:
        return self._action


class MeanActor:
    """One action for everything."""

    def __init__(self, action: np.ndarray) -> None:
        self.latencies: list[float] = []
        self._action = action

    def reset(self, env: Environment, seed: int) -> None:
        self.latencies = []

    def act(self) -> np.ndarray:
        return self._action


class RandomActor:
    """Uniform between the limits of the action, anew at each step."""

    def __init__(self) -> None:
        self.latencies: list[float] = []

    def reset(self, env: Environment, seed: int) -> None:
        self.latencies = []
        self._low, self._high = env.task.action_low, env.task.action_high
        self._random = Rng(seed).numpy("random actor")

    def act(self) -> np.ndarray:
        return self._random.uniform(self._low, self._high)


class PolicyActor:
    """A trained policy behind its action queue or temporal ensembling; looks only when it is about to predict."""

    def __init__(self, policy: Policy, task: str | None = None) -> None:
        """task   what a policy that reads is told; None: the environment's own instruction"""
        from understudy.policies.horizon import Controller

        self._task = task
        self.latencies: list[float] = []
        self.controller = Controller(policy)
        back = {new: old for old, new in policy.rename_map.items()}
        self._names = [back.get(name, name) for name in policy.config.input_features]

    def reset(self, env: Environment, seed: int) -> None:
        self.latencies = []
        self._env = env
        self.controller.reset(seed, env.instruction if self._task is None else self._task)

    def act(self) -> np.ndarray:
        if not self.controller.is_about_to_predict:
            return self.controller.act({}).astype(np.float64)
        observation: Mapping[str, Any] = self._env.look(self._names)
        began = time.perf_counter()
        action = self.controller.act(observation)
        self.latencies.append(time.perf_counter() - began)
        return action.astype(np.float64)
