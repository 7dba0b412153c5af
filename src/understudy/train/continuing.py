"""`--continue_schedule`: a new run, on other data, that goes on with optimiser and schedule where another one ended.

The schedule is the one of a run of both lengths together, so its rate is what it would have been had the run before
been longer. Optimiser options that are given, such as another rate, count from here on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.core.errors import ConfigError
from understudy.core.run_folder import TRAINING_STATE

from .checkpoint import restore_training

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from .config import TrainConfig
    from .schedule import Schedule


def with_steps_before(config: TrainConfig) -> TrainConfig:
    """The configuration with the updates of the run before. Raises ConfigError when its training state is not there."""
    if not config.continue_schedule or config.resume:
        return config
    step = _state(config) / "training_step.json"
    try:
        before = int(json.loads(step.read_text())["step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "there is no training state beside the policy: what is to be gone on with is not known",
            where=str(step),
            hint="a checkpoint of a run has one; a policy alone can be started from without --continue_schedule",
        ) from error
    return config.model_copy(update={"steps_before": before})


def go_on(config: TrainConfig, optimizer: Optimizer, schedule: Schedule | None) -> None:
    """Put optimiser and schedule of a run that starts where the run before left them. Raises CheckpointError."""
    if config.continue_schedule:
        restore_training(_state(config), optimizer, schedule, config.steps_before)


def _state(config: TrainConfig) -> Path:
    return Path(str(config.policy.pretrained_path)).parent / TRAINING_STATE
