"""ALOHA: two ViperX arms at a table, of gym-aloha. Its own step draws three cameras; here one is drawn when looked at.

Physics, reward and starts are gym-aloha's: only `get_observation`, which draws, is replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

IMAGES = "observation.images."
FULL_REWARD = 4
TASKS = {"transfer-cube": "transfer_cube", "insertion": "insertion"}


class Aloha:
    """gym_aloha's transfer cube or insertion. Progress is the best reward of the episode over 4."""

    def __init__(self, task: str, width: int, height: int, shadows: bool) -> None:
        from gym_aloha.env import AlohaEnv

        self._env = AlohaEnv(task=TASKS[task], obs_type="pixels_agent_pos")
        self._size = (width, height)
        self._name = task
        self._control = self._env._env
        self._control.task.get_observation = lambda physics: {}
        self._env._format_raw_obs = lambda raw: raw
        self._best = 0
        if not shadows:
            self.physics.model.light_castshadow[:] = 0
            self.physics.model.vis.quality.offsamples = 0

    @property
    def physics(self) -> Any:
        """dm_control's."""
        return self._control.physics

    def begin(self, seed: int) -> None:
        self._env.reset(seed=seed)
        # what the solver remembers of the episode before would make this one differ in the last digits
        self.physics.data.qacc_warmstart[:] = 0
        self._best = 0

    def look(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        seen = {}
        for name in names:
            if name == "observation.state":
                seen[name] = self._control.task.get_qpos(self.physics).astype(np.float32)
            elif name == "observation.environment_state":
                seen[name] = self._control.task.get_env_state(self.physics).astype(np.float32)
            else:
                seen[name] = self._draw(name.removeprefix(IMAGES), *self._size)
        return seen

    def advance(self, action: np.ndarray) -> tuple[bool, bool, float, str]:
        reward = self._control.step(action).reward
        self._best = max(self._best, int(reward))
        success = reward == FULL_REWARD
        return success, success, self._best / FULL_REWARD, "success" if success else ""

    def picture(self, width: int, height: int) -> np.ndarray:
        return self._draw("angle", width, height)

    def expert_reset(self, seed: int) -> None:
        from .aloha_expert import expert_for

        self._expert = expert_for(self._name, self.physics, seed)

    def expert_act(self) -> np.ndarray:
        return self._expert.act()

    def _draw(self, camera: str, width: int, height: int) -> np.ndarray:
        return np.ascontiguousarray(self.physics.render(height=height, width=width, camera_id=camera))
