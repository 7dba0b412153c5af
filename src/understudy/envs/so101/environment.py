"""The tasks so101/…: an SO-101-like arm at a table, MuJoCo for the physics, cameras drawn only when looked through."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.core.errors import ConfigError
from understudy.core.registry import load
from understudy.core.rng import Rng
from understudy.data.spec import IMAGES, STATE, FeatureSpec, FeatureType
from understudy.envs.cameras import chosen_cameras
from understudy.envs.catalogue import EnvConfig
from understudy.envs.environment import Environment, Expert, Observation, Outcome, Task

from .arm import HIGH, LOW, NAMES, ROBOT_TYPE, to_radians, to_units
from .chore import Chore
from .kinematics import Place
from .model import FPS
from .motion import OPEN, Motion
from .world import World

if TYPE_CHECKING:
    from understudy.envs.render.scene import Scene

CHORES = {
    "so101/reach": "understudy.envs.so101.reach:Reach",
    "so101/lift": "understudy.envs.so101.lift:Lift",
    "so101/pick-place": "understudy.envs.so101.pick_place:PickPlace",
    "so101/stack": "understudy.envs.so101.stack:Stack",
    "so101/sort": "understudy.envs.so101.sort:Sort",
}
CAMERAS = ("front", "wrist")
HELD = FPS // 2  # control steps for which a task must stay done: half a second
# where the hand is when an episode begins, and by how much each joint (rad) differs from that
_HOME = Place(np.array([0.165, 0.0, 0.095]), np.pi / 2)
_HOME_JOINTS = np.array([0.1, -1.0, 0.7, 1.4, 1.6, OPEN])
_SPREAD = np.array([0.03, 0.03, 0.03, 0.03, 0.05, 0.03])


def make(name: str, config: EnvConfig) -> Environment:
    """The environment `name` ("so101/lift").

    Raises ConfigError for a camera that it has not, for noise, and for MuJoCo's renderer where there is no OpenGL.
    """
    if config.gain_spread is not None:
        raise ConfigError("the experts of this task have no gains", where="--env.gain_spread")
    if config.noise is not None:
        raise ConfigError(
            "this task takes no noise", where="--env.noise", hint="`record` disturbs actions by options of its own"
        )
    if config.renderer == "mujoco":
        from understudy.envs.render.opengl import working_platform

        working_platform()  # a machine without OpenGL is told so now, not at the first picture
    chore: Chore = load(CHORES, name, "task")()
    return So101(name, chore, config)


class So101(Environment):
    """One arm and one chore."""

    def __init__(self, name: str, chore: Chore, config: EnvConfig) -> None:
        cameras = chosen_cameras(name, CAMERAS if config.cameras is None else config.cameras, CAMERAS)
        super().__init__(
            Task(
                name=name,
                version=chore.version,
                fps=FPS,
                horizon=config.horizon or chore.horizon,
                features=_features(cameras, config),
                action_low=LOW.copy(),
                action_high=HIGH.copy(),
                instructions=chore.instructions,
                robot_type=ROBOT_TYPE,
                settings={
                    "cameras": cameras,
                    "width": config.width,
                    "height": config.height,
                    "renderer": config.renderer,
                },
                packages=("mujoco", "numpy"),
            )
        )
        self.world = World(chore.things, chore.front)
        self.chore = chore
        self._size = config.width, config.height
        self._renderer = config.renderer
        self._home = self.world.kinematics.solve(_HOME, OPEN, _HOME_JOINTS)
        self._scene: Scene | None = None
        self._done = 0
        self._best = 0.0

    def begin(self, seed: int) -> str:
        random = Rng(seed).numpy(self.task.name)
        self.world.clear(self._home + random.uniform(-_SPREAD, _SPREAD))
        self.instruction = self.chore.lay(self.world, random)
        self.world.settle()
        self._done, self._best = 0, 0.0
        return self.instruction

    def advance(self, action: np.ndarray) -> Outcome:
        self.world.advance(to_radians(np.clip(action, self.task.action_low, self.task.action_high)))
        achieved, progress = self.chore.stage(self.world)
        self._done = self._done + 1 if achieved else 0
        success = self._done >= HELD
        # what is not yet held long enough is not yet everything
        self._best = 1.0 if success else max(self._best, min(0.99, progress))
        return Outcome(success, success, self._best, "success" if success else "")

    def look(self, names: Collection[str] | None = None) -> Observation:
        seen: Observation = {}
        for name in self.task.spec.inputs() if names is None else names:
            if name == STATE:
                seen[name] = to_units(self.world.joints).astype(np.float32)
            elif name in self.task.features and name.startswith(IMAGES):
                seen[name] = self._draw(name.removeprefix(IMAGES), *self._size)
            else:
                raise KeyError(f"{self.task.name} observes no {name}")
        return seen

    def picture(self, width: int, height: int) -> np.ndarray:
        return self._draw("overview", width, height)

    def expert(self) -> Expert:
        return So101Expert(self.world, self.chore)

    def close(self) -> None:
        scene, self._scene = self._scene, None
        if scene is not None:
            scene.close()

    def _draw(self, camera: str, width: int, height: int) -> np.ndarray:
        from understudy.envs.render.scene import Scene

        if self._scene is None:
            self._scene = Scene(self.world.model, self._renderer)
        drawn: np.ndarray = self._scene.draw(self.world.data, camera, width, height)
        return drawn


class So101Expert:
    """The demonstrator: what it does depends on the present state of the physics and on nothing else."""

    def __init__(self, world: World, chore: Chore) -> None:
        self._world, self._chore, self._motion = world, chore, Motion(world)

    def reset(self, rng: Rng) -> None:
        """Nothing to plan, nothing to draw."""

    def act(self) -> np.ndarray:
        action: np.ndarray = np.clip(to_units(self._chore.command(self._world, self._motion)), LOW, HIGH)
        return action


def _features(cameras: list[str], config: EnvConfig) -> dict[str, FeatureSpec]:
    shape: tuple[int, ...] = (3, config.height, config.width)
    features: dict[str, Any] = {STATE: FeatureSpec(STATE, FeatureType.STATE, (6,), NAMES)}
    for camera in cameras:
        features[IMAGES + camera] = FeatureSpec(IMAGES + camera, FeatureType.VISUAL, shape)
    return features | {"action": FeatureSpec("action", FeatureType.ACTION, (6,), NAMES)}
