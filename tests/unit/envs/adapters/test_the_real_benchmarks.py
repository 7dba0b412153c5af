"""Each benchmark in its own Python: needs UNDERSTUDY_BENCHMARKS to name the folder that holds them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from understudy.core.rng import Rng
from understudy.envs.adapters.benchmarks import BENCHMARKS
from understudy.envs.adapters.venv import folder_of
from understudy.envs.catalogue import EnvConfig, make_env
from understudy.envs.environment import Environment
from understudy.rollout.actors import ExpertActor, HoldActor, RandomActor
from understudy.rollout.episode import run_episode

pytestmark = pytest.mark.slow
TASKS = ["pusht", "aloha/transfer-cube", "aloha/insertion", "metaworld/push"]
Make = Callable[..., Environment]


@pytest.fixture
def made() -> Iterator[Make]:
    """Makes an environment, or skips where its Python is not there."""
    envs = []

    def make(name: str, **options: object) -> Environment:
        benchmark = BENCHMARKS[name.partition("/")[0]]
        if "UNDERSTUDY_BENCHMARKS" not in os.environ or not folder_of(benchmark).exists():
            pytest.skip(f"NOT RUN: needs UNDERSTUDY_BENCHMARKS, the folder that holds {benchmark.folder}")
        envs.append(make_env(EnvConfig.model_validate({"type": name} | options)))
        return envs[-1]

    yield make
    for env in envs:
        env.close()


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_is_the_same_episode_whatever_ran_before(name: str, made: Make) -> None:
    env, other = made(name, cameras=[]), made(name, cameras=[])
    first = _course(env, 3)
    _course(env, 4)
    assert np.array_equal(_course(env, 3), first)
    assert np.array_equal(_course(other, 3), first)
    assert not np.array_equal(_course(env, 5), first)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("pusht", {"observation.state": (2,), "observation.image": (96, 96, 3)}),
        ("aloha/transfer-cube", {"observation.state": (14,), "observation.images.top": (480, 640, 3)}),
        ("metaworld/push", {"observation.state": (4,), "observation.image": (480, 480, 3)}),
    ],
)
def test_observations_are_named_and_shaped_as_the_published_datasets_have_them(
    name: str, shapes: dict[str, tuple[int, ...]], made: Make
) -> None:
    env = made(name)
    observation, _ = env.reset(seed=0)
    assert {key: value.shape for key, value in observation.items()} == shapes
    assert env.observation_space.contains(observation)
    picture = next(value for value in observation.values() if value.dtype == np.uint8)
    assert picture.std() > 5
    assert env.picture(320, 240).shape == (240, 320, 3)


@pytest.mark.parametrize("name", ["aloha/transfer-cube", "aloha/insertion", "metaworld/push", "metaworld/door-open"])
def test_the_expert_succeeds_from_every_start(name: str, made: Make) -> None:
    env = made(name, cameras=[])
    assert all(run_episode(env, ExpertActor(), seed).success for seed in range(5))


def test_holding_still_fails_and_takes_the_whole_time(made: Make) -> None:
    for name in TASKS:
        episode = run_episode(made(name, cameras=[]), HoldActor(), seed=0)
        assert not episode.success
        assert (episode.steps, episode.reason) == (BENCHMARKS[name.partition("/")[0]].horizon, "time limit")


def test_pictures_without_shadows_show_the_same_scene(made: Make) -> None:
    published, quick = (made("aloha/transfer-cube", width=160, height=120, shadows=on) for on in (True, False))
    pictures = []
    for env in (published, quick):
        env.begin(0)
        pictures.append(env.look()["observation.images.top"].astype(float))
    difference = np.abs(pictures[0] - pictures[1])
    assert 0 < difference.mean() < 8
    red = [(p[..., 0] > 150) & (p[..., 1] < 60) for p in pictures]
    assert min(r.sum() for r in red) > 10
    assert (red[0] != red[1]).sum() < 20


def _course(env: Environment, seed: int) -> np.ndarray:
    """(40, ...) what is seen while the expert acts; a random actor where there is none."""
    env.begin(seed)
    random = RandomActor()
    random.reset(env, seed)
    expert = None if env.task.name == "pusht" else env.expert()
    if expert is not None:
        expert.reset(Rng(seed))
    seen = []
    for _ in range(40):
        seen.append(np.concatenate(list(env.look().values())))
        env.advance(expert.act() if expert is not None else random.act())
    return np.array(seen)
