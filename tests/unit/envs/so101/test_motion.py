import numpy as np
import pytest

from understudy.envs.catalogue import EnvConfig
from understudy.envs.so101.environment import So101, make
from understudy.envs.so101.motion import CLOSED, OPEN, Motion


@pytest.fixture(scope="module")
def env() -> So101:
    env = make("so101/lift", EnvConfig(type="so101/lift"))
    assert isinstance(env, So101)
    return env


def test_a_command_depends_on_the_present_state_and_on_nothing_else(env: So101) -> None:
    env.begin(3)
    expert = env.expert()
    for _ in range(20):
        action = expert.act()
        assert action.tobytes() == env.expert().act().tobytes()
        env.advance(action)


def test_the_hand_speeds_up_and_slows_down_without_stopping_on_its_way(env: So101) -> None:
    env.begin(1)
    expert, speeds = env.expert(), []
    while not env.world.holds("cube"):
        env.advance(expert.act())
        speeds.append(env.world.hand_speed())
    assert speeds[0] < 0.8 * max(speeds)
    assert max(speeds) < 0.35
    # from the third control step until the jaw closes it never stands
    assert min(speeds[3:-6]) > 0.04


def test_the_hand_comes_down_on_its_goal_from_above(env: So101) -> None:
    env.begin(2)
    expert, cube = env.expert(), env.world.where("cube")
    while env.world.joints[5] > OPEN - 0.05:
        across, _, above = env.world.hand().position - cube
        # 2 cm away the jaws' tips are above the cube
        assert above > 0.02 or np.hypot(across, env.world.hand().position[1] - cube[1]) < 0.02
        env.advance(expert.act())


def test_a_hand_below_its_way_goes_up_first(env: So101) -> None:
    env.begin(4)
    motion, world = Motion(env.world), env.world
    low = np.array([0.18, 0.08, 0.02])
    for _ in range(60):
        world.advance(motion.go(low, np.pi / 2, OPEN, funnel=False))
    before = world.hand().position
    for _ in range(4):
        world.advance(motion.go(np.array([0.25, -0.05, 0.02]), np.pi / 2, OPEN))
    moved = world.hand().position - before
    assert moved[2] > 2 * np.linalg.norm(moved[:2])


def test_squeezing_tells_the_jaw_to_close_further_than_it_can(env: So101) -> None:
    env.begin(0)
    motion, hand = Motion(env.world), env.world.hand()
    for _ in range(10):
        env.world.advance(motion.go(hand.position, hand.yaw, CLOSED))
    relaxed = motion.go(hand.position, hand.yaw, CLOSED)
    squeezing = motion.go(hand.position, hand.yaw, CLOSED, squeeze=True)
    assert squeezing[5] < relaxed[5] - 0.05
    assert np.array_equal(squeezing[:5], relaxed[:5])
