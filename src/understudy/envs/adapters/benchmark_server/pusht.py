"""PushT: a round finger pushes a T-shaped block onto its mark. gym-pusht's task, drawn when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class PushT:
    """gym_pusht/PushT-v0. Progress is the published reward: the share of the mark that is covered, over 0.95."""

    def __init__(self, task: str, width: int, height: int, shadows: bool) -> None:
        from gym_pusht.envs.pusht import PushTEnv

        # obs_type "state" draws nothing on its own
        self._env = PushTEnv(obs_type="state", observation_width=width, observation_height=height)
        self._best = 0.0

    def begin(self, seed: int) -> None:
        self._env.reset(seed=seed)
        self._env._last_action = None
        self._best = 0.0

    def look(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        env, seen = self._env, {}
        for name in names:
            if name == "observation.state":
                seen[name] = np.array(env.agent.position, dtype=np.float32)
            elif name == "observation.environment_state":
                seen[name] = env.get_keypoints(env._block_shapes).reshape(-1).astype(np.float32)
            else:
                seen[name] = np.asarray(env._render(visualize=False), dtype=np.uint8)
        return seen

    def advance(self, action: np.ndarray) -> tuple[bool, bool, float, str]:
        _, reward, _, _, info = self._env.step(action)
        success = bool(info["is_success"])
        self._best = max(self._best, float(reward))
        # a cover of exactly 0.95 has the full reward and is not yet a success
        return success, success, 1.0 if success else min(self._best, 0.999999), "success" if success else ""

    def picture(self, width: int, height: int) -> np.ndarray:
        # the field is square: it is drawn as large as fits, on white
        env, side = self._env, min(width, height)
        env.visualization_width = env.visualization_height = side
        page = np.full((height, width, 3), 255, dtype=np.uint8)
        top, left = (height - side) // 2, (width - side) // 2
        page[top : top + side, left : left + side] = env.render()
        return page

    def expert_reset(self, seed: int) -> None:
        raise NotImplementedError("PushT has no expert")

    def expert_act(self) -> np.ndarray:
        raise NotImplementedError("PushT has no expert")
