"""What each task counts as done, tried by laying things where they belong and where they do not."""

import mujoco
import numpy as np
import pytest

from understudy.envs.catalogue import EnvConfig, make_env
from understudy.envs.so101.environment import So101
from understudy.envs.so101.model import CUBE


def begun(name: str, seed: int = 0) -> So101:
    env = make_env(EnvConfig(type=name, cameras=[]))
    assert isinstance(env, So101)
    env.begin(seed)
    return env


def done_with(env: So101, thing: str, position: tuple[float, float, float]) -> bool:
    """Whether the task is done with a cube moved to `position`."""
    env.world.data.joint(thing).qpos[:3] = position
    env.world.settle()
    return env.chore.stage(env.world)[0]


def test_lifting_is_done_5_cm_above_the_table() -> None:
    env = begun("so101/lift")
    for height, expected in ((0.04, False), (0.06, True)):
        env.world.data.joint("cube").qpos[2] = CUBE + height
        mujoco.mj_forward(env.world.model, env.world.data)
        assert env.chore.stage(env.world)[0] is expected


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ((0.21, -0.09, CUBE), True),
        ((0.225, -0.10, CUBE), True),
        ((0.21, -0.05, CUBE), False),
        ((0.2, 0.05, CUBE), False),
    ],
)
def test_placing_is_done_on_the_mark(position: tuple[float, float, float], expected: bool) -> None:
    assert done_with(begun("so101/pick-place"), "cube", position) is expected


@pytest.mark.parametrize(("aside", "expected"), [(0.0, True), (0.008, True), (0.03, False)])
def test_stacking_is_done_on_top(aside: float, expected: bool) -> None:
    env = begun("so101/stack")
    x, y, z = env.world.where("blue")
    assert done_with(env, "red", (x + aside, y, z + 2 * CUBE)) is expected


def test_sorting_is_done_when_the_named_cube_alone_is_in_the_named_bin() -> None:
    env, seed = begun("so101/sort"), 0
    while env.begin(seed) != "put the red cube into the white bin":
        seed += 1
    assert not done_with(env, "red", (0.255, -0.12, CUBE))
    assert done_with(env, "red", (0.137, -0.12, CUBE))
    assert not done_with(env, "blue", (0.173, -0.12, CUBE))


def test_reaching_is_done_at_the_ball() -> None:
    env = begun("so101/reach")
    x, y, z = env.world.hand().position
    for away, expected in ((0.0, True), (0.01, True), (0.02, False)):
        env.world.mark("ball", x + away, y, z)
        env.world.settle()
        assert env.chore.stage(env.world)[0] is expected


@pytest.mark.parametrize("name", ["so101/lift", "so101/pick-place", "so101/stack", "so101/sort"])
def test_cubes_are_scattered_and_never_touch(name: str) -> None:
    env = begun(name)
    cubes = [env.world.model.body(b).name for b in range(env.world.model.nbody) if env.world.model.body(b).dofnum == 6]
    seen = []
    for seed in range(30):
        env.begin(seed)
        places = np.array([env.world.where(cube) for cube in cubes])
        assert (np.abs(places[:, 2] - CUBE) < 1e-3).all()
        for i, one in enumerate(places):
            for other in places[:i]:
                assert np.linalg.norm(one - other) > 2 * CUBE * np.sqrt(2)
        seen.append(places[0])
    spread = np.ptp(np.array(seen), axis=0)
    assert spread[0] > 0.08 and spread[1] > 0.08
