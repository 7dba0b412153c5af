from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fake_benchmark import BABBLES, DIES, HANGS, RAISES, make_fake_benchmark
from understudy.core.errors import ConfigError, ResourceError
from understudy.envs.adapters import process
from understudy.envs.adapters.environment import BenchmarkEnvironment
from understudy.envs.adapters.process import BenchmarkFailed
from understudy.envs.catalogue import EnvConfig, make_env
from understudy.rollout.actors import HoldActor
from understudy.rollout.episode import run_episode


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PushT's Python is a stand-in."""
    monkeypatch.setenv("UNDERSTUDY_BENCHMARKS", str(make_fake_benchmark(tmp_path)))
    return tmp_path


@pytest.fixture
def env(fake: Path) -> Iterator[BenchmarkEnvironment]:
    made = make_env(EnvConfig(type="pusht", width=32, height=24))
    assert isinstance(made, BenchmarkEnvironment)
    yield made
    made.close()


def test_what_the_robot_sees_comes_from_the_other_process(env: BenchmarkEnvironment) -> None:
    observation, info = env.reset(seed=5)
    assert info == {"task": "Push the T-shaped block onto the T-shaped target."}
    assert observation["observation.state"].tolist() == [5.0, 0.0]
    assert observation["observation.image"].shape == (24, 32, 3)
    assert env.observation_space.contains(observation)
    env.advance(np.array([1.0, 2.0]))
    assert list(env.look(["observation.state"])) == ["observation.state"]
    assert env.look()["observation.image"].max() == 1
    assert env.picture(40, 30).shape == (30, 40, 3)


def test_an_episode_runs_to_the_benchmarks_own_success(env: BenchmarkEnvironment) -> None:
    episode = run_episode(env, HoldActor(), seed=20)
    assert (episode.success, episode.steps, episode.progress, episode.reason) == (True, 20, 1.0, "success")
    unfinished = run_episode(env, HoldActor(), seed=20, horizon=10)
    assert (unfinished.success, unfinished.progress, unfinished.reason) == (False, 0.5, "time limit")


def test_without_cameras_the_poses_of_the_objects_are_seen(fake: Path) -> None:
    env = make_env(EnvConfig(type="pusht", cameras=[]))
    assert list(env.task.spec.inputs()) == ["observation.state", "observation.environment_state"]
    observation, _ = env.reset(seed=3)
    assert observation["observation.environment_state"].tolist() == list(range(16))
    env.close()


def test_the_versions_and_the_protocol_go_into_the_settings(env: BenchmarkEnvironment) -> None:
    assert env.task.settings["packages"] == {"gym-pusht": "0.1.8", "pymunk": "6.11.1"}
    assert "300 steps" in env.task.settings["protocol"]
    assert (env.task.fps, env.task.horizon) == (10, 300)


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (RAISES, "RuntimeError: the stand-in refuses"),
        (DIES, r"process died at `begin` \(exit code 3\): .*the stand-in gives up"),
        (BABBLES, "answered `begin` with something else"),
    ],
)
def test_what_goes_wrong_over_there_fails_the_episode_and_the_next_one_works(
    env: BenchmarkEnvironment, seed: int, reason: str
) -> None:
    with pytest.raises(BenchmarkFailed, match=reason):
        env.begin(seed)
    failed = run_episode(env, HoldActor(), seed)
    assert not failed.success
    assert "BenchmarkFailed" in failed.reason
    assert run_episode(env, HoldActor(), seed=4).success


def test_a_benchmark_that_hangs_is_given_up_and_its_process_ended(
    env: BenchmarkEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "REQUEST_S", 0.3)
    monkeypatch.setattr(process, "END_S", 0.1)
    number = env.process_id
    with pytest.raises(BenchmarkFailed, match=r"did not answer `begin` within 0\.3 s"):
        env.begin(HANGS)
    assert not _is_alive(number)
    monkeypatch.undo()


def test_closing_ends_the_process_and_may_be_done_twice(env: BenchmarkEnvironment) -> None:
    number = env.process_id
    assert _is_alive(number)
    env.close()
    env.close()
    assert not _is_alive(number)
    with pytest.raises(BenchmarkFailed, match="has ended"):
        env.begin(1)


def test_an_unknown_camera_is_refused_with_the_known_ones(fake: Path) -> None:
    with pytest.raises(ConfigError, match="no camera `imag`; did you mean `image`") as error:
        make_env(EnvConfig(type="pusht", cameras=["imag"]))
    assert error.value.where == "--env.cameras"


@pytest.mark.parametrize("option", [{"noise": 0.1}, {"renderer": "mujoco"}])
def test_an_option_of_other_tasks_is_refused(fake: Path, option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="has no choice of"):
        make_env(EnvConfig.model_validate({"type": "pusht"} | option))


def test_a_benchmark_whose_packages_do_not_import_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_BENCHMARKS", str(make_fake_benchmark(tmp_path, pymunk=None)))
    with pytest.raises(ResourceError, match="cannot start: ModuleNotFoundError: No module named 'pymunk'") as error:
        make_env("pusht")
    assert "--env.install=true" in str(error.value.hint)


def test_a_missing_system_library_is_named_with_the_package_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "libGL.so.1: cannot open shared object file: No such file or directory"
    monkeypatch.setenv(
        "UNDERSTUDY_BENCHMARKS", str(make_fake_benchmark(tmp_path, pymunk=f"raise ImportError({words!r})"))
    )
    with pytest.raises(ResourceError, match=r"libGL\.so\.1") as error:
        make_env("pusht")
    assert error.value.hint == "apt-get install libgl1 (Debian, Ubuntu)"


def test_pusht_has_no_expert(env: BenchmarkEnvironment) -> None:
    with pytest.raises(ConfigError, match="no scripted expert"):
        env.expert()


def test_pictures_have_the_published_size_unless_another_is_asked_for() -> None:
    aloha, chosen = EnvConfig(type="aloha/insertion"), EnvConfig(type="aloha/insertion", width=100)
    assert (aloha.width, aloha.height) == (640, 480)
    assert (chosen.width, chosen.height) == (100, 480)
    assert (EnvConfig(type="pusht").width, EnvConfig(type="metaworld/push").width) == (96, 480)
    # a size nobody asked for may still be changed to the policy's
    assert not aloha.model_fields_set & {"width", "height"}
    assert EnvConfig.model_validate(aloha.model_dump(mode="json")) == aloha


def _is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
