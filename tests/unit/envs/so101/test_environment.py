from collections.abc import Callable

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from understudy.core.errors import ConfigError
from understudy.envs.catalogue import ENVIRONMENTS, EnvConfig, make_env
from understudy.envs.environment import Environment, Outcome
from understudy.envs.so101.arm import HIGH, LOW, NAMES
from understudy.envs.so101.environment import HELD, So101

TASKS = [name for name in ENVIRONMENTS if name.startswith("so101/")]
STATE = "observation.state"


def so101(name: str, **options: object) -> So101:
    env = make_env(EnvConfig.model_validate({"type": name, "width": 24, "height": 16} | options))
    assert isinstance(env, So101)
    return env


def rollout(env: Environment, seed: int, steps: int = 400) -> tuple[list[bytes], list[Outcome]]:
    """The actions and states of an expert's episode as bytes, and its outcomes."""
    env.begin(seed)
    expert, seen, outcomes = env.expert(), [], []
    for _ in range(steps):
        action = expert.act()
        seen.append(action.tobytes() + env.look([STATE])[STATE].tobytes())
        outcomes.append(env.advance(action))
        if outcomes[-1].over:
            break
    return seen, outcomes


@pytest.mark.parametrize("name", TASKS)
def test_it_observes_and_does_what_the_task_says(name: str) -> None:
    env = so101(name)
    features = env.task.features
    assert list(features) == [STATE, "observation.images.front", "observation.images.wrist", "action"]
    assert features[STATE].names == features["action"].names == NAMES
    assert features["observation.images.front"].shape == (3, 16, 24)
    assert env.task.fps == 30
    assert env.begin(0) in env.task.instructions
    seen = env.look()
    assert seen[STATE].shape == (6,) and seen[STATE].dtype == np.float32
    for camera in env.task.cameras:
        assert seen[camera].shape == (16, 24, 3) and seen[camera].dtype == np.uint8
    assert env.picture(32, 20).shape == (20, 32, 3)


@pytest.mark.filterwarnings("ignore:.*Box:UserWarning")
def test_gymnasium_finds_no_fault_with_it() -> None:
    env = so101("so101/reach")
    check_env(env, skip_render_check=True)
    assert env.observation_space.contains(env.look())


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_is_the_same_episode_whatever_ran_before(name: str) -> None:
    used = so101(name)
    rollout(used, 12, steps=40)
    fresh = rollout(so101(name), 7)[0]
    assert rollout(used, 7)[0] == fresh
    assert rollout(used, 8)[0] != fresh


@pytest.mark.parametrize("name", TASKS)
def test_an_episode_begins_with_everything_at_rest(name: str) -> None:
    env = so101(name)
    env.begin(5)
    before = env.world.data.qpos.copy()
    hold = env.look([STATE])[STATE].astype(np.float64)
    for _ in range(10):
        env.advance(hold)
    assert np.abs(env.world.data.qpos - before).max() < 2e-3


@pytest.mark.parametrize("name", TASKS)
def test_progress_never_falls_and_is_1_at_success_alone(name: str) -> None:
    _, outcomes = rollout(so101(name), 1)
    progress = [outcome.progress for outcome in outcomes]
    assert progress == sorted(progress)
    assert outcomes[-1].success and progress[-1] == 1.0 and outcomes[-1].reason == "success"
    assert progress[-2] < 1.0
    assert progress[0] < progress[len(progress) // 3] < progress[-1]


def test_success_needs_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    env = so101("so101/lift")
    env.begin(0)
    hold = env.look([STATE])[STATE].astype(np.float64)
    done = [True] * (HELD - 1) + [False] + [True] * HELD
    answers = iter([(each, 0.5) for each in done])
    monkeypatch.setattr(env.chore, "stage", lambda world: next(answers))
    outcomes = [env.advance(hold) for _ in done]
    assert HELD == 15
    assert [outcome.success for outcome in outcomes] == [False] * (len(done) - 1) + [True]


def test_an_action_beyond_its_limits_is_clipped_to_them() -> None:
    env = so101("so101/lift")

    def after(action: np.ndarray) -> np.ndarray:
        env.begin(0)
        for _ in range(3):
            env.advance(action)
        return env.world.joints

    assert (env.task.action_low == LOW).all() and (env.task.action_high == HIGH).all()
    assert np.array_equal(after(HIGH + 50), after(HIGH))


def test_a_joint_goes_where_it_is_told() -> None:
    env = so101("so101/lift")
    env.begin(0)
    wanted = env.look([STATE])[STATE] + np.array([5.0, 3.0, -4.0, 6.0, -8.0, 10.0])
    for _ in range(30):
        env.advance(wanted)
    assert np.abs(env.look([STATE])[STATE] - wanted).max() < 0.2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cameras": ["frnt"]}, ["no camera `frnt`", "did you mean `front`", "front, wrist"]),
        ({"noise": 0.1}, ["takes no noise"]),
    ],
)
def test_what_it_has_not_is_refused_by_name(options: dict[str, object], says: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        so101("so101/lift", **options)
    assert all(words in str(caught.value) for words in says)


@pytest.mark.parametrize("cameras", [["wrist"], ["observation.images.wrist"]])
def test_only_the_cameras_asked_for_are_there(cameras: list[str]) -> None:
    env = so101("so101/lift", cameras=cameras)
    assert env.task.cameras == ["observation.images.wrist"]
    assert env.task.settings["cameras"] == ["wrist"]


def test_no_camera_is_a_choice_too() -> None:
    assert so101("so101/lift", cameras=[]).task.cameras == []


def test_the_time_limit_is_the_one_asked_for() -> None:
    env = so101("so101/lift", horizon=2, cameras=[])
    assert env.task.horizon == 2
    env.reset(seed=0)
    hold = env.look()[STATE]
    assert [env.step(hold)[3] for _ in range(2)] == [False, True]


def test_a_camera_is_drawn_when_somebody_looks_through_it_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    env, drawn = so101("so101/lift"), []
    draw: Callable[..., np.ndarray] = env._draw
    monkeypatch.setattr(env, "_draw", lambda camera, *size: drawn.append(camera) or draw(camera, *size))
    env.begin(0)
    env.advance(env.look([STATE])[STATE])
    assert drawn == []
    env.look(["observation.images.wrist"])
    assert drawn == ["wrist"]


def test_every_instruction_of_sorting_comes_up() -> None:
    env = so101("so101/sort")
    assert {env.begin(seed) for seed in range(60)} == set(env.task.instructions)
    assert len(env.task.instructions) == 6


def test_a_machine_without_opengl_is_told_so_before_the_first_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking() -> str:
        raise ConfigError("no OpenGL here")

    monkeypatch.setattr("understudy.envs.render.opengl.working_platform", lacking)
    with pytest.raises(ConfigError, match="no OpenGL here"):
        so101("so101/lift", renderer="mujoco")


def test_closing_gives_back_what_draws_and_may_be_done_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr("understudy.envs.render.scene.Scene.close", lambda scene: closed.append(scene))
    env = so101("so101/lift")
    env.close()
    env.begin(0)
    env.look(["observation.images.wrist"])
    env.close()
    env.close()
    assert len(closed) == 1
