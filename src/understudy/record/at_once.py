"""Recording where thousands of episodes can be simulated side by side: the pendulum's expert. No processes, no staging.

The episodes are those that would be recorded one by one, each a function of its seed; beside them is kept what was
executed, `applied_action`, which no policy is offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from understudy.data.spec import STATE, FeatureSpec, FeatureType
from understudy.data.write.form import DatasetForm
from understudy.data.write.held import HeldEpisode
from understudy.envs.environment import Task

from .attempt import Tried
from .config import RecordConfig

APPLIED = "applied_action"
# about a second's: larger ones are no faster, and would leave the progress without a word
_BATCH = 500


def can_be_at_once(config: RecordConfig) -> bool:
    """Whether this is the pendulum's own expert, undisturbed but for the task's own noise."""
    by_expert = config.policy.path is None and config.policy.type in (None, "expert")
    return config.env.type.startswith("pendulum/") and by_expert and not config.disturbs


class AtOnce:
    """The attempts of a recording, a batch of seeds at a time.

    form       the dataset that they become
    episodes   seed -> the episode of every attempt that is kept
    """

    def __init__(self, config: RecordConfig, task: Task) -> None:
        self._config, self._task = config, task
        action = task.features["action"]
        applied = FeatureSpec(APPLIED, FeatureType.ACTION, action.shape, action.names)
        features = {STATE: task.features[STATE], "action": action, APPLIED: applied}
        self.form = DatasetForm(features, task.fps, robot_type=task.robot_type)
        self.episodes: dict[int, HeldEpisode] = {}

    def attempts(self, seeds: Sequence[int]) -> Iterator[Tried]:
        """How the episodes of `seeds` went, in their order."""
        for first in range(0, len(seeds), _BATCH):
            yield from self._batch(seeds[first : first + _BATCH])

    def _batch(self, seeds: Sequence[int]) -> Iterator[Tried]:
        from understudy.envs.pendulum.demonstrations import demonstrate

        settings, horizon = self._task.settings, self._task.horizon
        spread = settings.get("gain_spread", 0.0)
        made = demonstrate(seeds, noise=settings["noise"], gain_spread=spread, horizon=horizon)
        for row, seed in enumerate(seeds):
            steps, success = int(made.steps[row]), bool(made.success[row])
            kept = success or self._config.keep_failures
            if kept:
                vectors: Mapping[str, np.ndarray] = {
                    STATE: made.states[row, :steps],
                    "action": made.actions[row, :steps],
                    APPLIED: made.applied[row, :steps],
                }
                self.episodes[seed] = HeldEpisode(self._task.instructions[0], vectors)
            progress = 1.0 if success else (steps - 1) / horizon
            yield Tried(seed, success, steps, progress, "success" if success else "the pole fell", kept, {})
