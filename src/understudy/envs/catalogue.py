"""The tasks a user can name after --env.type, and how an environment is made from its name and options."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from understudy.core.errors import ConfigError, nearest
from understudy.core.registry import load

from .adapters.metaworld_tasks import METAWORLD_TASKS

if TYPE_CHECKING:
    from .environment import Environment

# name -> the function make(name, config) -> Environment of its family
ENVIRONMENTS: dict[str, str] = {
    **dict.fromkeys(
        ("pendulum/calm", "pendulum/noisy"),
        "understudy.envs.pendulum.environment:make",
    ),
    **dict.fromkeys(
        ("so101/reach", "so101/lift", "so101/pick-place", "so101/stack", "so101/sort"),
        "understudy.envs.so101.environment:make",
    ),
    **dict.fromkeys(
        ("aloha/transfer-cube", "aloha/insertion", "pusht", *(f"metaworld/{task}" for task in METAWORLD_TASKS)),
        "understudy.envs.adapters.environment:make",
    ),
}
# family -> (width, height) of the pictures its results were published with; 96 x 96 for all others
PICTURE_SIZES = {"aloha": (640, 480), "metaworld": (480, 480)}


def listed(names: Sequence[str]) -> list[str]:
    """The names as a person wants to read them: the many of Meta-World as one."""
    many = [name for name in names if name.startswith("metaworld/")]
    return [*(n for n in names if n not in many), *([f"metaworld/TASK ({len(many)} tasks)"] if many else [])]


class EnvConfig(BaseModel):
    """Which simulated task, and what its robot sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(min_length=1, description="simulated task: " + ", ".join(listed(list(ENVIRONMENTS))))
    cameras: list[str] | None = Field(None, description="cameras to record or look through; null: all the task has")
    width: Annotated[int, Field(ge=16, le=1920)] = Field(96, description="width of the cameras' pictures, pixels")
    height: Annotated[int, Field(ge=16, le=1080)] = Field(96, description="height of the cameras' pictures, pixels")
    renderer: Literal["rays", "mujoco"] = Field(
        "rays", description="rays: ours, needs no OpenGL; mujoco: MuJoCo's own, where OpenGL exists"
    )
    horizon: int | None = Field(None, ge=1, description="control steps until an episode is over; null: the task's own")
    noise: float | None = Field(None, ge=0, description="half-width of the noise on executed actions (pendulum)")
    gain_spread: float | None = Field(
        None, ge=0, lt=1, description="each of the expert's gains times 1 - x .. 1 + x, drawn per episode (pendulum)"
    )
    shadows: bool = Field(
        True,
        description="false: aloha and metaworld draw without shadows or smoothing: not as published, but several times "
        "faster where OpenGL has no GPU",
    )
    install: bool = Field(
        False, description="make the Python that aloha, pusht or metaworld runs in, with pip, where it is missing"
    )

    @model_validator(mode="after")
    def _as_published(self) -> EnvConfig:
        # written past pydantic: a size that nobody asked for must not look like one that was asked for
        for name, size in zip(("width", "height"), PICTURE_SIZES.get(self.type.partition("/")[0], ()), strict=False):
            if name not in self.model_fields_set:
                self.__dict__[name] = size
        return self


def make_env(config: EnvConfig | str) -> Environment:
    """The environment that `config` describes. Raises ConfigError: unknown task, unknown camera, missing package."""
    if isinstance(config, str):
        config = EnvConfig(type=config)
    check_name(config.type)
    for package in ("gymnasium", "mujoco"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"simulated tasks need the package {package}", hint="pip install 'understudy[sim]'", where=config.type
            )
    env: Environment = load(ENVIRONMENTS, config.type, "task")(config.type, config)
    return env


def check_name(name: str, known: Sequence[str] = ()) -> None:
    """Raises ConfigError for a task that does not exist, naming the nearest."""
    names = [*ENVIRONMENTS, *known]
    if name not in names:
        guess = nearest(name, names) or nearest(name.rpartition("/")[2], [n.rpartition("/")[2] for n in names])
        full = next((n for n in names if guess and (n == guess or n.endswith("/" + guess))), None)
        raise ConfigError(
            f"unknown task `{name}`" + (f"; did you mean `{full}`?" if full else ""),
            where="--env.type",
            hint="the tasks: " + ", ".join(listed(names)),
        )
