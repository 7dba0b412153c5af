"""What runs write is what the table of events says: a real run has all of its keys and no others."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from understudy.core.event_keys import COMMON, KEYS
from understudy.core.events import NAMES
from understudy.diagnose.finding import Finding
from understudy.envs.catalogue import EnvConfig
from understudy.record.config import DatasetTarget, RecordConfig
from understudy.record.run import record
from understudy.train import run as train_module
from understudy.train.config import TrainConfig
from understudy.train.telemetry import Telemetry


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Everything that a small run on two sets of the pendulum writes, with success measured, and then gone on with."""
    env = EnvConfig(type="pendulum/calm", horizon=30)
    for seed, name in enumerate("de"):
        record(RecordConfig(env=env, dataset=DatasetTarget(root=tmp_path / name, num_episodes=3), seed=10 * seed))
    parts = [{"repo_id": name, "root": tmp_path / name, "eval_episodes": [1]} for name in "de"]
    monkeypatch.setattr(train_module, "Telemetry", partial(Telemetry, every_s=0.01))
    options = {
        "dataset": {"mixture": parts},
        "policy": {"type": "tiny_pi0"},
        "output_dir": tmp_path / "run",
        "steps": 4,
        "batch_size": 4,
        "log_freq": 1,
        "eval_steps": 2,
        "env": {"type": "pendulum/calm", "horizon": 30},
        "eval": {"n_episodes": 2, "workers": 1},
        "tensorboard": False,
        "report": False,
    }
    train_module.train(TrainConfig.model_validate(options))
    return train_module.train(
        TrainConfig.model_validate(options | {"steps": 6, "resume": True, "eval_freq": 0})
    ).events()


def test_every_event_has_its_entry_and_the_other_way_round() -> None:
    assert set(KEYS) == set(NAMES)


def test_a_run_writes_all_keys_of_the_table_and_no_others(events: list[dict[str, Any]]) -> None:
    seen: dict[str, set[str]] = {}
    for event in events:
        seen.setdefault(event["event"], set()).update(event)
    # none of these happens to a run that goes well
    assert set(NAMES) - set(seen) <= {"finding", "run_failed", "run_interrupted"}
    for name, found in seen.items():
        known = [*COMMON, *KEYS[name].keys]
        assert [key for key in found if not any(re.fullmatch(pattern(k), key) for k in known)] == [], name
        # a GPU is not everywhere
        needed = [k for k in known if not k.startswith("gpu_")]
        assert [k for k in needed if not any(re.fullmatch(pattern(k), key) for key in found)] == [], name


def test_a_finding_has_the_keys_of_the_table() -> None:
    assert set(Finding("note", "x", "y").to_json()) == set(KEYS["finding"].keys)


def pattern(key: str) -> str:
    """`lr_<group>` stands for `lr_` and any name."""
    return re.sub(r"<\w+>", r"\\w+", key)
