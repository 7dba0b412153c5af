"""The study's recording and its split: 80/10/10, by episode, the same for every model and every reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from understudy.core.errors import DataError
from understudy.core.files import write_atomically
from understudy.data.spec import STATE
from understudy.data.split import Split

from .pendulum_config import PendulumStudy
from .pendulum_recipes import GAIN_SPREAD, RECORDING_SEED, split_of


def record_data(study: PendulumStudy) -> None:
    """Record the expert, where it has not been done, and draw the split. Raises what recording raises."""
    from understudy.envs.catalogue import EnvConfig
    from understudy.record.config import DatasetTarget, RecordConfig
    from understudy.record.run import record

    if not (study.data / "meta/info.json").exists():
        target = DatasetTarget(root=study.data, num_episodes=study.demonstrations)
        env = EnvConfig.model_validate({"type": "pendulum/noisy", "gain_spread": GAIN_SPREAD})
        record(RecordConfig(env=env, dataset=target, seed=RECORDING_SEED))
    write_atomically(study.split, json.dumps(split_of(study.demonstrations).to_json()) + "\n")


def training_arrays(data: Path, split: Path) -> tuple[np.ndarray, np.ndarray]:
    """(episodes, steps, 4) states and (episodes, steps) actions of the training episodes, float32.

    Raises DataError when the recording is not one of the pendulum, whose episodes all have the same length.
    """
    from understudy.data.lerobot import load_dataset

    chosen = Split.from_json(json.loads(split.read_text()))
    dataset = load_dataset("pendulum", root=data, episodes=chosen.train)
    lengths = {episode.length for episode in dataset.episodes}
    if len(lengths) != 1:
        raise DataError("the episodes of the recording differ in length", where=str(data))
    shape = (len(dataset.episodes), lengths.pop())
    return dataset.columns[STATE].reshape(*shape, 4), dataset.columns["action"].reshape(shape)
