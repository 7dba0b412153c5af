"""One episode: what a policy or an environment does wrong is how it ends, never an exception."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toy_env import ToyEnvironment
from understudy.core.errors import DataError
from understudy.envs.catalogue import EnvConfig
from understudy.rollout.actors import ExpertActor, HoldActor, MeanActor, RandomActor
from understudy.rollout.episode import is_broken, run_episode


def world(name: str = "toy/reach") -> ToyEnvironment:
    return ToyEnvironment(name, EnvConfig(type=name))


class Says(MeanActor):
    """Says what it is given, action after action."""

    def __init__(self, *actions: Any) -> None:
        super().__init__(np.zeros(2))
        self.actions = list(actions)

    def act(self) -> Any:
        action = self.actions.pop(0) if len(self.actions) > 1 else self.actions[0]
        if isinstance(action, Exception):
            raise action
        return np.array(action)


def test_the_expert_succeeds_and_its_steps_are_counted() -> None:
    episode = run_episode(world(), ExpertActor(), 4)
    assert (episode.success, episode.progress, episode.reason) == (True, 1.0, "success")
    assert 0 < episode.steps <= 20
    assert episode.instruction == "go to the square"


def test_an_episode_that_does_not_end_is_ended_by_the_time_limit() -> None:
    episode = run_episode(world(), HoldActor(), 4)
    assert (episode.success, episode.steps, episode.reason) == (False, 30, "time limit")
    assert run_episode(world(), HoldActor(), 4, horizon=7).steps == 7


@pytest.mark.parametrize(
    ("actions", "steps", "told"),
    [
        ([[0.0, 0.0], [np.nan, 0.0]], 1, "not a finite number"),
        ([[0.0, np.inf]], 0, "not a finite number"),
        ([[0.0, -3.5]], 0, "left its limits: right.pos = -3.5"),
        ([[0.0, 0.0, 0.0]], 0, "has shape (3,), the task takes (2,)"),
        ([RuntimeError("cannot think")], 0, "raised RuntimeError: cannot think"),
    ],
)
def test_a_policy_that_goes_wrong_fails_the_episode_with_that_reason(actions: Any, steps: int, told: str) -> None:
    episode = run_episode(world(), Says(*actions), 4)
    assert (episode.success, episode.steps) == (False, steps)
    assert told in episode.reason


def test_an_action_a_little_outside_of_the_limits_is_clipped() -> None:
    seen: list[np.ndarray] = []
    run_episode(world(), Says([1.5, 0.0]), 4, horizon=1, watch=lambda step, clean, executed: seen.append(clean))
    np.testing.assert_array_equal(seen[0], [1.0, 0.0])


def test_an_environment_that_raises_ends_the_episode_and_is_known_to_be_broken() -> None:
    episode = run_episode(world("toy/raises"), ExpertActor(), 3)
    assert "the gears are stuck" in episode.reason
    assert is_broken(episode)
    assert not is_broken(run_episode(world("toy/raises"), ExpertActor(), 4))


def test_a_policy_that_does_not_fit_is_an_error_of_the_whole() -> None:
    with pytest.raises(DataError):
        run_episode(world(), Says(DataError("the observation lacks a camera")), 4)


def test_the_same_seed_is_the_same_episode_for_an_actor_that_draws() -> None:
    env, actor = world(), RandomActor()
    first, _, again = (run_episode(env, actor, seed) for seed in (4, 5, 4))
    assert (first.progress, first.steps) == (again.progress, again.steps)


def test_a_disturbance_acts_on_what_is_executed_and_not_on_what_was_meant() -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    run_episode(
        world(),
        Says([0.5, 0.5]),
        4,
        horizon=1,
        disturb=lambda action: action + 0.25,
        watch=lambda step, clean, executed: seen.append((clean, executed)),
    )
    np.testing.assert_array_equal(seen[0][1] - seen[0][0], [0.25, 0.25])
