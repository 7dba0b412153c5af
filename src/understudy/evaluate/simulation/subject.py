"""Subject: who is evaluated, known before anything is built: a checkpoint's configuration, or a reference by its name.

A checkpoint is known by its fingerprint, so that the same policy under another path is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from understudy.core.errors import ConfigError
from understudy.core.run_folder import RunFolder, run_of_checkpoint, step_of_checkpoint
from understudy.data.spec import FeatureType
from understudy.evaluate.protocol import EXECUTION
from understudy.policies.checkpoint_config import read_policy_config
from understudy.policies.fingerprint import fingerprint
from understudy.policies.instructed import check_told
from understudy.policies.places import find_checkpoint
from understudy.policies.processors import read_rename_map
from understudy.rollout.choice import check_fits

from .config import PolicyOptions

if TYPE_CHECKING:
    from understudy.envs.catalogue import EnvConfig
    from understudy.envs.environment import Task
    from understudy.policies.config import PolicyConfig


@dataclass(frozen=True)
class Subject:
    """Who is evaluated.

    who         facts for the record: name, fingerprint, device, ...
    setup       what a worker process needs to become this subject (JSON)
    config      of the policy, with the execution that was asked for; None: a reference
    rename_map  name in the task -> name the policy knows
    home        the run that the checkpoint belongs to
    step        of the checkpoint, as its folder writes it
    """

    who: dict[str, Any]
    setup: dict[str, Any]
    config: PolicyConfig | None = None
    rename_map: dict[str, str] = field(default_factory=dict)
    home: RunFolder | None = None
    step: str = "policy"

    @property
    def name(self) -> str:
        """What to call it in a line of text."""
        return str(self.who["name"])

    @property
    def n_action_steps(self) -> int | None:
        """Actions executed of each prediction; None for a reference, which predicts nothing."""
        return None if self.config is None else self.config.horizon().executed

    @property
    def temporal_ensemble_coeff(self) -> float | None:
        """By what overlapping predictions are averaged; None: they are not."""
        return None if self.config is None else self.config.horizon().ensemble_coefficient

    def sighted(self, env: EnvConfig) -> EnvConfig:
        """`env` with pictures of the size that the policy was trained on, unless a size was asked for."""
        inputs = self.config.input_features.values() if self.config is not None else ()
        return sighted(env, [feature.shape for feature in inputs if feature.type is FeatureType.VISUAL])

    def check_fits(self, task: Task) -> None:
        """Raises ConfigError with a table of both sides when the policy does not fit the task."""
        if self.config is not None:
            check_fits(self.config, self.rename_map, task)


def sighted(env: EnvConfig, pictures: Iterable[Sequence[int]]) -> EnvConfig:
    """`env` with pictures of the size that all of `pictures`, shapes (3, height, width), have.

    As it is when they have none in common, or when a size was asked for.
    """
    sizes = {tuple(shape[1:]) for shape in pictures}
    if len(sizes) != 1 or env.model_fields_set & {"width", "height"}:
        return env
    height, width = sizes.pop()
    return env.model_copy(update={"width": width, "height": height})


def subject_of(options: PolicyOptions, task: str | None = None) -> Subject:
    """Who `options` name. Raises ConfigError for a contradiction, CheckpointError for what is no checkpoint.

    task   what the policy is told, in words; None: the simulated task's own instruction
    """
    if options.path is None and options.type is None:
        raise ConfigError(
            "which policy? --policy.path or --policy.type is required",
            hint="--policy.path=RUN, or a reference: --policy.type=expert, hold, mean or random",
        )
    if options.path is not None and options.type in (None, "mean"):
        return _told(_trained(options, options.path), task)
    return _told(_reference(options), task)


def _told(subject: Subject, task: str | None) -> Subject:
    """The subject that is told `task`. Raises ConfigError for one that does not read, and for a task without words."""
    if task is None:
        return subject
    check_told(subject.config, task, subject.name)
    told = {"task": task}
    return replace(subject, who=subject.who | told, setup=subject.setup | told)


def _trained(options: PolicyOptions, path: str) -> Subject:
    """The policy at `path`, or the mean action of its data."""
    checkpoint = find_checkpoint(path).absolute()
    device = _device(options)
    home, step = run_of_checkpoint(checkpoint), step_of_checkpoint(checkpoint)
    setup = {"path": str(checkpoint), "type": options.type, "device": device, "precision": options.precision}
    prefix = "mean of " if options.type == "mean" else ""
    who = {
        "name": f"{prefix}{path}",
        "type": options.type,
        "fingerprint": prefix + fingerprint(checkpoint),
        "device": device,
        "precision": options.precision,
    }
    if options.type == "mean":
        return Subject(who, setup, home=home, step=f"mean-{step}")
    config = executed_as(read_policy_config(checkpoint), options)
    # fields that a policy does not have are not set
    execution = {name: getattr(config, name) for name in EXECUTION if name in type(config).model_fields}
    return Subject(
        who | {"type": config.type, "sees": {n: list(f.shape) for n, f in config.input_features.items()}},
        setup | {"execution": execution},
        config=config,
        rename_map=read_rename_map(checkpoint),
        home=home,
        step=step,
    )


def _device(options: PolicyOptions) -> str:
    """The device to run on: the CPU unless another is asked for. Raises ConfigError when it is not there."""
    if options.device in (None, "cpu"):
        return "cpu"
    from understudy.nn.devices import choose_device

    return str(choose_device(options.device))


def _reference(options: PolicyOptions) -> Subject:
    if options.path is not None:
        raise ConfigError(
            "`--policy.path` and `--policy.type` both say who is evaluated; give one of them",
            hint="only --policy.type=mean takes both: the mean action of that policy's data",
        )
    if options.type == "mean":
        raise ConfigError(
            "--policy.type=mean needs --policy.path too: the mean action is stored with a policy",
            hint="--policy.type=mean --policy.path=RUN",
        )
    if any(getattr(options, name) is not None for name in EXECUTION):
        raise ConfigError(f"--policy.type={options.type} predicts nothing, so n_action_steps says nothing about it")
    name = str(options.type)
    return Subject({"name": name, "type": name, "fingerprint": name, "device": None}, {"type": name}, step=name)


def executed_as(config: PolicyConfig, options: PolicyOptions) -> PolicyConfig:
    """`config` with the execution that was asked for. Raises ConfigError when it cannot be."""
    asked = {name: getattr(options, name) for name in EXECUTION if name in options.model_fields_set}
    if not asked:
        return config
    if missing := [name for name in asked if name not in type(config).model_fields]:
        raise ConfigError(f"{config.type} has no option {missing[0]}", where=f"--policy.{missing[0]}")
    if asked.get("temporal_ensemble_coeff") is not None:
        # a new prediction at each step is what there is to average
        asked.setdefault("n_action_steps", 1)
    if asked.get("n_action_steps", 0) is None:
        del asked["n_action_steps"]
    try:
        return type(config).model_validate(config.model_dump() | asked)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"the policy cannot be executed so: {reason}", where="--policy.*") from error
