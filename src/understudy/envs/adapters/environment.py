"""A benchmark's task as an Environment: every verb is a request to the process that runs it.

What the benchmark's process does wrong (raises, hangs, dies) fails the episode with that reason, and the next episode
starts a new process. What the machine lacks is said once, at the start, with the package that brings it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.core.errors import ConfigError, ResourceError
from understudy.core.rng import Rng, derive
from understudy.data.spec import ENVIRONMENT, STATE, FeatureSpec, FeatureType
from understudy.envs.cameras import chosen_cameras
from understudy.envs.environment import Environment, Observation, Outcome, Task

from .benchmarks import BENCHMARKS, Benchmark
from .process import START_S, BenchmarkFailed, Process
from .venv import python_of

if TYPE_CHECKING:
    from understudy.envs.catalogue import EnvConfig

# one thread each, so that results do not depend on how many run; no window, no sound
QUIET = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"), "1"),
    "SDL_VIDEODRIVER": "dummy",
    "SDL_AUDIODRIVER": "dummy",
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
}
OPENGL_PACKAGES = {"egl": "libegl1", "osmesa": "libosmesa6"}
# part of what a loader says -> the Debian package that brings the library
LIBRARIES = {"libGL.so": "libgl1", "libgthread": "libglib2.0-0", "libglib": "libglib2.0-0", "libxcb": "libxcb1"}


def make(name: str, config: EnvConfig) -> BenchmarkEnvironment:
    """The environment of the catalogue.

    Raises ConfigError for options that mean nothing here, an unknown camera, or a Python that is not there;
    ResourceError when the benchmark cannot start, naming what the machine lacks.
    """
    family, _, task = name.partition("/")
    benchmark = BENCHMARKS[family]
    meaningless = {
        "noise": config.noise is not None,
        "gain_spread": config.gain_spread is not None,
        "renderer": config.renderer != "rays",
    }
    for option, is_given in meaningless.items():
        if is_given:
            raise ConfigError(f"{name} has no choice of {option}", where=f"--env.{option}", hint="leave the option out")
    cameras = cameras_of(benchmark, config)
    what = {"task": task, "width": config.width, "height": config.height, "shadows": config.shadows}
    start = Start(benchmark, python_of(benchmark, install=config.install), cameras, what)
    process, versions = start.first()
    settings: dict[str, Any] = {
        "cameras": cameras,
        "width": config.width,
        "height": config.height,
        "packages": versions,
        "protocol": benchmark.protocol,
    }
    if benchmark.needs_opengl:
        settings["shadows"] = config.shadows
    return BenchmarkEnvironment(task_of(name, benchmark, task, cameras, config, settings), start, process)


def cameras_of(benchmark: Benchmark, config: EnvConfig) -> list[str]:
    """The short names of the wanted cameras, in the benchmark's order; the published one when none is asked for."""
    if config.cameras is None:
        return list(benchmark.cameras)[:1]
    more = f"; with [] the policy sees {ENVIRONMENT} instead"
    return chosen_cameras(config.type, config.cameras, benchmark.cameras, more)


def task_of(
    name: str, benchmark: Benchmark, task: str, cameras: list[str], config: EnvConfig, settings: Mapping[str, object]
) -> Task:
    """What is the same in all episodes. Without cameras the poses of the objects are seen."""
    features = {STATE: FeatureSpec(STATE, FeatureType.STATE, (len(benchmark.state),), benchmark.state)}
    for camera in cameras:
        feature = benchmark.cameras[camera]
        features[feature] = FeatureSpec(feature, FeatureType.VISUAL, (3, config.height, config.width))
    if not cameras:
        size = benchmark.object_size[task]
        features[ENVIRONMENT] = FeatureSpec(
            ENVIRONMENT, FeatureType.ENV, (size,), tuple(f"object_{i}" for i in range(size))
        )
    features["action"] = FeatureSpec("action", FeatureType.ACTION, (len(benchmark.action),), benchmark.action)
    return Task(
        name=name,
        version=1,
        fps=benchmark.fps,
        horizon=config.horizon or benchmark.horizon,
        features=features,
        action_low=np.array(benchmark.low),
        action_high=np.array(benchmark.high),
        instructions=(benchmark.instructions[task],),
        robot_type=benchmark.robot_type,
        settings=settings,
    )


class Start:
    """How to start the process of one task, again if need be."""

    def __init__(self, benchmark: Benchmark, python: Path, cameras: list[str], what: dict[str, Any]) -> None:
        """`what` is the rest of the request "make": the task and how it is drawn."""
        self.benchmark, self.cameras = benchmark, cameras
        self._python = python
        self._what = {"benchmark": benchmark.name} | what
        self._renderer: str | None = None

    def first(self) -> tuple[Process, dict[str, str]]:
        """The process and the versions of its packages, with the first OpenGL that works. Raises ResourceError."""
        said = []
        for renderer in self._renderers():
            try:
                process, versions = self._started(renderer, draws=bool(self.cameras) and renderer != "disable")
            except BenchmarkFailed as error:
                said.append(f"{renderer}: {error}" if renderer else str(error))
                continue
            self._renderer = renderer
            return process, versions
        raise ResourceError(
            f"{self.benchmark.name} cannot start: " + "; ".join(said),
            where=str(self._python),
            hint=self._remedy(" ".join(said)),
        )

    def again(self) -> Process:
        """A new process like the first. Raises BenchmarkFailed."""
        return self._started(self._renderer, draws=False)[0]

    def _remedy(self, said: str) -> str:
        missing = sorted({package for part, package in LIBRARIES.items() if part in said})
        if missing:
            return f"apt-get install {' '.join(missing)} (Debian, Ubuntu)"
        if self.benchmark.needs_opengl and "ModuleNotFoundError" not in said:
            packages = " or ".join(OPENGL_PACKAGES.values())
            return f"its cameras need OpenGL without a display: apt-get install {packages} (Debian, Ubuntu)"
        return "its Python may be damaged: take its folder away and make it again with --env.install=true"

    def _renderers(self) -> list[str | None]:
        if not self.benchmark.needs_opengl:
            return [None]
        if chosen := os.environ.get("MUJOCO_GL"):
            return [chosen]
        return ["egl", "osmesa", *([] if self.cameras else ["disable"])]

    def _started(self, renderer: str | None, *, draws: bool) -> tuple[Process, dict[str, str]]:
        opengl = {} if renderer is None else {"MUJOCO_GL": renderer}
        if renderer in OPENGL_PACKAGES:
            opengl["PYOPENGL_PLATFORM"] = renderer
        process = Process(self._python, QUIET | opengl)
        try:
            message, _ = process.ask(
                "make", timeout_s=START_S, **self._what, draws=draws, packages=list(self.benchmark.packages)
            )
        except BenchmarkFailed:
            process.close()
            raise
        return process, message["versions"]


class BenchmarkEnvironment(Environment):
    """One task of a benchmark in a process of its own, which ends with `close` or with us."""

    def __init__(self, task: Task, start: Start, process: Process) -> None:
        super().__init__(task)
        self._start, self._process = start, process
        self._closed = False

    @property
    def process_id(self) -> int:
        """Of the benchmark's process."""
        return self._process.id

    def begin(self, seed: int) -> str:
        """Start the episode of `seed`. Raises BenchmarkFailed, as the other verbs do."""
        if not self._process.is_running and not self._closed:
            self._process = self._start.again()
        self._process.ask("begin", seed=seed)
        return self.instruction

    def look(self, names: Collection[str] | None = None) -> Observation:
        known = self.task.spec.inputs()
        _, seen = self._process.ask("look", names=[name for name in known if names is None or name in names])
        return seen

    def advance(self, action: np.ndarray) -> Outcome:
        clipped = np.clip(np.asarray(action, dtype=np.float64), self.task.action_low, self.task.action_high)
        answer, _ = self._process.ask("advance", {"action": clipped})
        return Outcome(answer["over"], answer["success"], answer["progress"], answer["reason"])

    def picture(self, width: int, height: int) -> np.ndarray:
        return self._process.ask("picture", width=width, height=height)[1]["picture"]

    def expert(self) -> BenchmarkExpert:
        if not self._start.benchmark.has_expert:
            raise ConfigError(
                f"{self.task.name} has no scripted expert",
                hint="its demonstrations were given by people; train on the published dataset",
            )
        return BenchmarkExpert(self._process)

    def close(self) -> None:
        self._closed = True
        self._process.close()

    def __del__(self) -> None:
        if "_process" in self.__dict__:
            self.close()


class BenchmarkExpert:
    """The demonstrator on the far side."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def reset(self, rng: Rng) -> None:
        """Plan for the episode that has just begun."""
        self._process.ask("expert_reset", seed=derive(rng.seed, rng.step, "expert"))

    def act(self) -> np.ndarray:
        """(A,) float64."""
        return self._process.ask("expert_act")[1]["action"]
