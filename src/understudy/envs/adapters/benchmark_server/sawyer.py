"""Meta-World: a Sawyer arm over a table, 50 tasks, each with the expert that its authors wrote.

The goal and the objects are drawn anew for each seed (the library's "seeded random vector"), not from its list of 50
stored positions. Cameras draw as LeRobot's evaluation does: the camera "corner2", moved, and turned upside up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CAMERA = "corner2"
CAMERA_POSITION = (0.75, 0.075, 0.7)
FULL_REWARD = 10.0


class MetaWorld:
    """One task of Meta-World v3."""

    def __init__(self, task: str, width: int, height: int, shadows: bool) -> None:
        import metaworld
        from metaworld.policies import ENV_POLICY_MAP

        name = f"{task}-v3"
        self._size = (width, height)
        self._env = metaworld.ALL_V3_ENVIRONMENTS[name]()
        self._env._set_task_called = True
        # the experts need to know where the goal is
        self._env.__dict__.pop("sawyer_observation_space", None)
        self._env._partially_observable = False
        # the time limit is the caller's affair
        self._env.max_path_length = 1 << 30
        self._env._freeze_rand_vec = False
        self._env.seeded_rand_vec = True
        self._env.model.camera(CAMERA).pos[:] = CAMERA_POSITION
        if not shadows:
            self._env.model.light_castshadow[:] = 0
            self._env.model.vis.quality.offsamples = 0
        self._policy_class = ENV_POLICY_MAP[name]
        self._renderers: dict[tuple[int, int], object] = {}
        self._fresh = {name: getattr(self._env.model, name).copy() for name in ("body_pos", "body_quat", "site_pos")}

    def begin(self, seed: int) -> None:
        import mujoco

        env = self._env
        # tasks move bodies of the model and leave the hand where it was: start from what was compiled
        for name, value in self._fresh.items():
            getattr(env.model, name)[:] = value
        mujoco.mj_resetData(env.model, env.data)
        mujoco.mj_forward(env.model, env.data)
        env.seed(seed)
        self._seen, _ = env.reset()
        self._best, self._success = 0.0, False
        self._policy = self._policy_class()

    def look(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        seen = {}
        for name in names:
            if name == "observation.state":
                seen[name] = self._seen[:4].astype(np.float32)
            elif name == "observation.environment_state":
                seen[name] = self._seen.astype(np.float32)
            else:
                seen[name] = self.picture(*self._size)
        return seen

    def advance(self, action: np.ndarray) -> tuple[bool, bool, float, str]:
        self._seen, reward, _, _, info = self._env.step(action.astype(np.float32))
        success = bool(info["success"])
        self._best = max(self._best, float(reward) / FULL_REWARD)
        return success, success, 1.0 if success else min(self._best, 0.999999), "success" if success else ""

    def picture(self, width: int, height: int) -> np.ndarray:
        import mujoco

        if (width, height) not in self._renderers:
            model = self._env.model
            model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
            model.vis.global_.offheight = max(model.vis.global_.offheight, height)
            self._renderers[width, height] = mujoco.Renderer(model, height, width)
        renderer = self._renderers[width, height]
        assert isinstance(renderer, mujoco.Renderer)
        renderer.update_scene(self._env.data, CAMERA)
        # this camera stands on its head
        return np.ascontiguousarray(renderer.render()[::-1, ::-1])

    def expert_reset(self, seed: int) -> None:
        self._policy = self._policy_class()

    def expert_act(self) -> np.ndarray:
        action: np.ndarray = np.clip(self._policy.get_action(self._seen), -1.0, 1.0)
        return action
