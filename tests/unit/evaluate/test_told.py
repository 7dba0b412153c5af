"""A policy that reads is told what to do: the episode's own task, the simulated task's instruction, or --task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

import toy_env
from make_dataset import make_dataset
from small_act import small_policy
from small_smolvla import small_smolvla
from understudy.core.errors import ConfigError, DataError
from understudy.data.lerobot import Dataset, load_dataset
from understudy.envs.catalogue import EnvConfig, make_env
from understudy.evaluate.compare.sides import read_side
from understudy.evaluate.heldout import evaluate
from understudy.evaluate.simulation.config import EvalConfig, PolicyOptions
from understudy.evaluate.simulation.run import evaluate_in_simulation
from understudy.evaluate.table import table
from understudy.policies.horizon import Controller
from understudy.policies.instructed import check_told
from understudy.policies.pretrained import save_pretrained
from understudy.policies.smolvla.model import SmolVla
from understudy.rollout.actors import PolicyActor
from understudy.rollout.episode import run_episode

TASKS = ("move the block", "open the box")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load_dataset(str(make_dataset(tmp_path / "set", episodes=2, frames=6, tasks=TASKS)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every task that a policy is told, in order."""
    found: list[str] = []
    instruction = SmolVla.instruction

    def listen(policy: SmolVla, tasks: Sequence[str]) -> dict[str, Tensor]:
        found.extend(tasks)
        return instruction(policy, tasks)

    monkeypatch.setattr(SmolVla, "instruction", listen)
    return found


def test_each_frame_is_predicted_with_the_task_of_its_episode(dataset: Dataset, told: list[str]) -> None:
    evaluate(small_smolvla(dataset.spec), dataset, probe_frames=0)
    assert told == ["move the block"] * 6 + ["open the box"] * 6


def test_another_task_may_be_told_and_is_noted(dataset: Dataset, told: list[str]) -> None:
    policy = small_smolvla(dataset.spec)
    own = evaluate(policy, dataset, probe_frames=0)
    other = evaluate(policy, dataset, probe_frames=4, task="close the box")
    assert set(told) == {*TASKS, "close the box"}
    assert own.mae_mean() != other.mae_mean()
    assert other.to_json()["task"] == "close the box"
    assert "told at every frame: close the box" in table(other)
    assert "told at every frame" not in table(own)
    assert "task" not in own.to_json()


def test_a_policy_that_does_not_read_cannot_be_told() -> None:
    with pytest.raises(ConfigError, match="act reads no words"):
        check_told(small_policy().config, "move the block", "act")


def test_a_task_without_words_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="the task is empty"):
        evaluate(small_smolvla(dataset.spec), dataset, task=" ")
    with pytest.raises(DataError, match="the task of some episodes is empty"):
        evaluate(small_smolvla(dataset.spec), dataset.told(""))


def test_a_controller_passes_the_task_on(told: list[str]) -> None:
    policy = small_smolvla()
    batch = policy.config.fake_batch(1)
    observation = {name: value[0] for name, value in batch.observation.items()}
    controller = Controller(policy)
    controller.reset(seed=3, task="lift the cube")
    first = controller.act(observation)
    controller.reset(seed=3, task="drop the cube")
    assert not np.array_equal(first, controller.act(observation))
    assert told == ["lift the cube", "drop the cube"]
    controller.reset()
    with pytest.raises(DataError, match="the task is empty"):
        controller.act(observation)


def test_in_simulation_the_policy_is_told_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    toy_env.in_workers(monkeypatch)
    env = make_env(EnvConfig(type="toy/reach", width=32, height=32, horizon=3))
    policy = small_smolvla(env.task.spec)
    run_episode(env, PolicyActor(policy), seed=5)
    run_episode(env, PolicyActor(policy, "wave"), seed=5)
    assert told == ["go to the square", "wave"]


def test_an_evaluation_notes_what_was_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy_env.in_workers(monkeypatch)
    env = EnvConfig(type="toy/reach", width=32, height=32, horizon=3)
    save_pretrained(small_smolvla(make_env(env).task.spec), tmp_path / "policy")
    options, few = PolicyOptions(path=str(tmp_path / "policy")), EvalConfig(n_episodes=1, workers=1)
    result = evaluate_in_simulation(options, env, few, seed=40, folder=tmp_path / "a", task="wave")
    assert result.who["task"] == "wave"
    plain = evaluate_in_simulation(options, env, few, seed=40, folder=tmp_path / "b")
    assert "task" not in plain.who
    assert f"toy/reach: {tmp_path / 'policy'}, told “wave”, 1 episodes" in result.text()
    sides = [read_side(letter, str(tmp_path / letter)) for letter in ("a", "b")]
    assert [side.name for side in sides] == [f"{tmp_path / 'policy'}, told “wave”", str(tmp_path / "policy")]
    assert plain.protocol["hash"] == result.protocol["hash"]
    with pytest.raises(ConfigError, match="hold reads no words"):
        evaluate_in_simulation(PolicyOptions(type="hold"), env, few, seed=40, folder=tmp_path / "c", task="wave")
