"""A task of two joints and a goal, for tests of everything that drives environments: no physics, microseconds a step.

The robot moves its joints a fixed way towards what it is told; the camera shows the goal as a bright square. Succeeds
when both joints are at the goal. `register()` puts it among the tasks under four names:

    toy/reach     as described
    toy/raises    advancing raises in every episode whose seed ends in 3
    toy/hangs     advancing never returns in every episode whose seed ends in 3
    toy/dies      the process ends in every episode whose seed ends in 3

`in_workers(monkeypatch)` lets worker processes know it too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.core.rng import Rng
from understudy.data.spec import DatasetSpec, FeatureSpec, FeatureType
from understudy.envs import catalogue
from understudy.envs.environment import Environment, Observation, Outcome, Task

if TYPE_CHECKING:
    import pytest

    from understudy.envs.catalogue import EnvConfig

NAMES = ("toy/reach", "toy/raises", "toy/hangs", "toy/dies")
JOINTS = ["left.pos", "right.pos"]
STEP = 0.1
CAMERA = "observation.images.front"


class ToyEnvironment(Environment):
    """See above."""

    def __init__(self, name: str, config: EnvConfig) -> None:
        names = tuple(JOINTS)
        features = {
            "observation.state": FeatureSpec("observation.state", FeatureType.STATE, (2,), names),
            CAMERA: FeatureSpec(CAMERA, FeatureType.VISUAL, (3, config.height, config.width)),
            "action": FeatureSpec("action", FeatureType.ACTION, (2,), names),
        }
        super().__init__(
            Task(
                name=name,
                version=1,
                fps=10,
                horizon=config.horizon or 30,
                features=features,
                action_low=np.full(2, -1.0),
                action_high=np.full(2, 1.0),
                instructions=("go to the square",),
                robot_type="toy",
                settings={"width": config.width, "height": config.height, "renderer": config.renderer},
                packages=("numpy",),
            )
        )
        self.looks: list[list[str]] = []

    def begin(self, seed: int) -> str:
        random = Rng(seed).numpy("toy start")
        self.seed = seed
        self.joints = random.uniform(-1, 1, 2)
        self.goal = random.uniform(-1, 1, 2)
        self.start = float(np.abs(self.goal - self.joints).max())
        self.best = 0.0
        self.looks = []
        return "go to the square"

    def advance(self, action: np.ndarray) -> Outcome:
        if self.seed % 10 == 3:
            self._misbehave()
        wanted = np.clip(action, self.task.action_low, self.task.action_high)
        self.joints = self.joints + np.clip(wanted - self.joints, -STEP, STEP)
        away = float(np.abs(self.goal - self.joints).max())
        done = away < 0.01
        self.best = 1.0 if done else max(self.best, min(0.99, 1 - away / self.start))
        return Outcome(over=done, success=done, progress=self.best, reason="success" if done else "")

    def _misbehave(self) -> None:
        if self.task.name == "toy/raises":
            raise RuntimeError("the gears are stuck")
        if self.task.name == "toy/hangs":
            time.sleep(3600)
        if self.task.name == "toy/dies":
            os._exit(9)

    def look(self, names: Collection[str] | None = None) -> Observation:
        wanted = list(self.task.spec.inputs()) if names is None else list(names)
        self.looks.append(wanted)
        return {name: self._seen(name) for name in wanted}

    def _seen(self, name: str) -> np.ndarray:
        if name == "observation.state":
            return self.joints.astype(np.float32)
        _, height, width = self.task.features[name].shape
        return self.picture(width, height)

    def picture(self, width: int, height: int) -> np.ndarray:
        image = np.full((height, width, 3), 40, np.uint8)
        for place, color in ((self.goal, (250, 220, 60)), (self.joints, (80, 160, 250))):
            x, y = (np.clip((place + 1) / 2, 0, 1) * [width - 3, height - 3]).astype(int)
            image[y : y + 3, x : x + 3] = color
        return image

    def expert(self) -> ToyExpert:
        return ToyExpert(self)


class ToyExpert:
    """Goes straight to the goal."""

    def __init__(self, env: ToyEnvironment) -> None:
        self.env = env

    def reset(self, rng: Rng) -> None:
        """Nothing is drawn."""

    def act(self) -> np.ndarray:
        return self.env.goal


def make(name: str, config: EnvConfig) -> Environment:
    return ToyEnvironment(name, config)


def register() -> None:
    """Put the toy tasks among those that can be named."""
    catalogue.ENVIRONMENTS.update(dict.fromkeys(NAMES, "toy_env:make"))


def in_workers(patch: pytest.MonkeyPatch, more: str = "") -> None:
    """Register the toy tasks here and in every worker process; `more` is Python that each of these runs as well."""
    from understudy.rollout import workers

    for name in NAMES:
        patch.setitem(catalogue.ENVIRONMENTS, name, "toy_env:make")
    start = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import toy_env; toy_env.register(); {more}"
    )
    patch.setattr(workers, "PROGRAM", ("-c", f"{start}\nfrom understudy.rollout.worker import main; main()"))


def toy_policy(
    folder: Path, *, seed: int = 0, width: int = 32, height: int = 32, camera: str = CAMERA, **options: Any
) -> Path:
    """A tiny ACT with random weights for the toy task, saved into the new folder `folder`; it knows the camera by the
    name `camera`.
    """
    import torch

    from understudy.envs.catalogue import EnvConfig
    from understudy.policies.act.config import ActConfig
    from understudy.policies.pretrained import save_pretrained

    task = ToyEnvironment("toy/reach", EnvConfig(type="toy/reach", width=width, height=height)).task
    spec = DatasetSpec({camera if name == CAMERA else name: f for name, f in task.features.items()}, task.fps)
    settings = ActConfig.tiny().model_dump() | {"input_features": {}, "output_features": {}} | options
    config = ActConfig.model_validate(settings).with_features(spec)
    torch.manual_seed(seed)
    policy = config.build(config.fake_statistics())
    policy.rename_map = {} if camera == CAMERA else {CAMERA: camera}
    save_pretrained(policy, folder)
    return folder
