"""TrainConfig: complete, checked across fields, stable, and written as LeRobot 0.4.4 writes it."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from understudy.core.errors import ConfigError
from understudy.policies.act.config import ActConfig
from understudy.train.config import TrainConfig

DATASET = {"repo_id": "u/n"}
ACT = {"type": "act", "chunk_size": 20, "n_action_steps": 20}
CONSTANT = {"type": "constant_with_warmup", "num_warmup_steps": 0}
ADAM = {"type": "adam", "lr": 1e-3, "weight_decay": 0.0}


def config(**options: Any) -> TrainConfig:
    return TrainConfig.model_validate({"dataset": DATASET, "policy": ACT} | options)


def refused(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        config(**options)
    return str(caught.value)


def test_the_policy_is_chosen_by_its_type() -> None:
    assert isinstance(config().policy, ActConfig)
    with pytest.raises(ConfigError, match="unknown policy"):
        config(policy={"type": "atc"})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_epochs": 2.5},
        {"policy": {"type": "act", "loss_normalization": "all"}, "precision": "bf16", "output_dir": "/runs/x"},
        {"optimizer": ADAM, "scheduler": CONSTANT, "use_policy_training_preset": False},
        {"dataset": DATASET | {"root": "/d", "episodes": [0, 2], "eval_episodes": [2]}, "rename_map": {"a": "b"}},
        {"wandb": {"enable": True, "notes": "x"}, "steps": 5, "eval_steps": 2, "resume": True},
    ],
)
def test_the_complete_record_gives_an_equal_configuration(options: dict[str, Any]) -> None:
    first = config(**options)
    through_text = json.loads(json.dumps(first.to_json()))
    assert TrainConfig.model_validate(through_text) == first


def test_the_hash_names_the_mathematics_and_nothing_else() -> None:
    base = config().hash()
    assert base == config(steps=7, wandb={"enable": True}, num_workers=3, output_dir="/x", job_name="j").hash()
    assert base == config(policy=ACT | {"device": "cpu", "repo_id": "u/x"}, dataset=DATASET | {"root": "/d"}).hash()
    others = [
        {"seed": 1},
        {"batch_size": 9},
        {"policy": ACT | {"dropout": 0.2}},
        {"dataset": DATASET | {"episodes": [1]}},
    ]
    assert len({base, *(config(**other).hash() for other in others)}) == 5


def test_the_hash_is_the_same_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.dumps(config(rename_map={"b": "1", "a": "2"}).to_json())
    code = "import json, sys; from understudy.train.config import TrainConfig as T"
    code += "; print(T.model_validate(json.load(sys.stdin)).hash())"
    monkeypatch.setenv("PYTHONHASHSEED", "1234")
    done = subprocess.run([sys.executable, "-c", code], input=record, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == config(rename_map={"a": "2", "b": "1"}).hash()


def test_steps_and_epochs_exclude_each_other_when_both_were_given() -> None:
    assert "give one of them" in refused(steps=5, num_epochs=1)
    assert config(num_epochs=1).steps == 100_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"use_policy_training_preset": False}, "leaves optimizer and scheduler open"),
        ({"use_policy_training_preset": False, "optimizer": ADAM}, "leaves scheduler open"),
        ({"eval_steps": 5, "dataset": DATASET | {"eval_split": 0.0}}, "holds out none"),
        ({"policy": ACT | {"use_peft": True}}, "goes on with the adapter of a checkpoint: name it with policy.path"),
        ({"peft": {"method_type": "miss", "lora_alpha": 8}}, "lora_alpha belongs to method_type=LORA"),
        ({"peft": {}, "policy": ACT | {"pretrained_path": "p"}, "naming": "study"}, "an adapter leaves none"),
        ({"peft": {}, "policy": ACT | {"pretrained_path": "p"}, "continue_schedule": True}, "begins new parameters"),
        ({"dataset": DATASET | {"episodes": [1, 1]}}, "named twice"),
        ({"dataset": DATASET | {"episodes": []}}, "empty"),
        ({"dataset": DATASET | {"eval_episodes": [1], "eval_split": 0.2}}, "give one of them"),
        ({"dataset": DATASET | {"eval_episodes": [1], "exclude_episodes": [1]}}, "not among the episodes"),
        ({"dataset": DATASET | {"eval_episodes": [3], "episodes": [0, 1]}}, "not among the episodes"),
        ({"scheduler": {"type": "cosine_decay_with_warmup"}}, "also needs"),
        ({"scheduler": CONSTANT | {"peak_lr": 1e-3}}, "belongs to cosine_decay_with_warmup"),
        ({"dataset": DATASET | {"split_file": "s.json", "test_split": 0.1}}, "test_split would change that"),
        ({"dataset": DATASET | {"split_file": "s.json", "split": "window"}}, "split=window would change that"),
        ({"dataset": DATASET | {"split": "window", "eval_episodes": [1]}}, "eval_episodes names episodes"),
        ({"dataset": DATASET | {"split": "window", "eval_split": 0.5, "test_split": 0.5}}, "no window to train on"),
        ({"dataset": DATASET | {"split_seed": 1, "eval_split": 0.5}}, "nothing to draw"),
        ({"dataset": DATASET | {"window_starts": []}}, "empty"),
        ({"dataset": DATASET | {"window_starts": [0]}}, "begin later than an episode"),
        ({"eval_steps": 0, "early_stopping": 3}, "early_stopping goes by held-out episodes"),
        ({"eval_steps": 0, "scheduler": {"type": "reduce_on_plateau"}}, "reduce_on_plateau goes by held-out"),
        ({"scheduler": CONSTANT | {"patience": 3}}, "patience belongs to reduce_on_plateau"),
        ({"scheduler": {"type": "reduce_on_plateau", "num_warmup_steps": 3}}, "num_warmup_steps belongs to"),
        ({"scheduler": CONSTANT | {"name": "cosine"}}, "belongs to diffuser"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_reason(options: dict[str, Any], words: str) -> None:
    assert words in refused(**options)


def test_a_seed_can_be_named_wherever_something_is_drawn() -> None:
    for options in ({}, {"test_split": 0.1, "eval_split": 0.2}, {"split": "window", "eval_split": 0.2}):
        assert config(dataset=DATASET | options | {"split_seed": 4}).dataset.draws
    assert not config(dataset=DATASET | {"split_file": "s.json"}).dataset.draws


def test_the_policys_schedule_is_taken_unless_one_is_given_or_its_presets_are_off() -> None:
    original = {"type": "tiny_pi0", "preset": "original"}
    preset = config(policy=original).schedule()
    assert preset is not None and preset.type == "reduce_on_plateau"
    assert config(policy=original, scheduler=CONSTANT).schedule() == config(scheduler=CONSTANT).scheduler
    off = config(policy=original, use_policy_training_preset=False, optimizer=ADAM, scheduler=CONSTANT)
    assert off.schedule() == off.scheduler
    assert config().schedule() is None


def test_lerobot_s_ways_to_say_nothing_are_understood() -> None:
    made = config(max_eval_samples=0, num_workers=0, save_freq=-1)
    assert (made.max_eval_samples, made.num_workers, made.save_freq) == (0, 1, 0)


def test_the_default_run_folder_has_lerobot_s_name() -> None:
    now = datetime.datetime(2026, 1, 31, 12, 59, 7)
    assert config().default_output_dir(now) == Path("outputs/train/2026-01-31/12-59-07_act")
    assert config(job_name="j").default_output_dir(now).name == "12-59-07_j"


def test_what_a_user_may_not_expect_is_remarked() -> None:
    assert config().remarks() == []
    remarks = config(optimizer=ADAM, scheduler=CONSTANT, policy=ACT | {"use_amp": True}).remarks()
    assert [remark.split()[0] for remark in remarks] == ["--optimizer.*", "--scheduler.*", "--policy.use_amp"]


def test_a_tilde_is_the_home_folder() -> None:
    made = config(output_dir="~/runs/x", dataset=DATASET | {"root": "~/data"})
    assert (made.output_dir, made.dataset.root) == (Path.home() / "runs/x", Path.home() / "data")


def test_a_configuration_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        config().steps = 3  # type: ignore[misc]
