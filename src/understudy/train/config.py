"""TrainConfig: everything a training run is made of. Light: importing this imports no torch.

Names, meanings and defaults are LeRobot's (0.4.4, with what 0.6 added); an option that only we have is marked `own()`.
`to_json` is the complete record that a run folder keeps; `lerobot_json` is what LeRobot 0.4.4 reads and resumes from.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from understudy.core.registry import POLICY_CONFIGS, load
from understudy.envs.catalogue import EnvConfig, check_name
from understudy.evaluate.simulation.config import EvalConfig
from understudy.policies.config import OptimizerPreset, PolicyConfig, own

from .dataset_config import DatasetConfig, Group
from .peft_config import PeftOptions
from .schedule_config import SchedulerConfig
from .tracker_config import TrackioConfig, WandbConfig

# What a resumed run may change: none of it touches the mathematics of the updates that are still to come.
RESUMABLE = (
    "steps",
    "num_epochs",
    "save_checkpoint",
    "save_freq",
    "save_minutes",
    "log_freq",
    "eval_steps",
    "env",
    "eval_freq",
    "eval",
    "early_stopping",
    "naming",
    "naming_dir",
    "wandb",
    "trackio",
    "tensorboard",
    "report",
    "num_workers",
    "dataset.root",
    "dataset.frames",
    "policy.device",
    "policy.repo_id",
    "policy.push_to_hub",
    "policy.private",
    "policy.tags",
    "policy.license",
)
# neither do these, which say where a run is and what it is called
_PLACE = ("output_dir", "resume", "job_name")


class TrainConfig(Group):
    """A training run."""

    dataset: DatasetConfig
    policy: SerializeAsAny[PolicyConfig]
    output_dir: Path | None = Field(None, description="run folder; null: outputs/train/<date>/<time>_<job_name>")
    job_name: str | None = Field(None, description="name of the run; null: the policy's type")
    resume: bool = Field(False, description="go on with the run in output_dir")
    seed: int = Field(1000, ge=0, description="every random draw is a function of it")
    num_workers: int | None = Field(None, ge=0, description="threads that decode video; null: one per core")
    batch_size: int = Field(8, ge=1, description="windows per forward pass")
    steps: int = Field(100_000, ge=1, description="optimiser updates in total")
    num_epochs: float | None = own(None, gt=0, description="passes over the data, instead of steps")
    log_freq: int | None = Field(
        None, ge=1, description="log every so many updates; null: 200, or a hundredth of steps"
    )
    save_checkpoint: bool = Field(True, description="write checkpoints")
    save_freq: int = Field(20_000, description="checkpoint every so many updates; 0: only at the end")
    save_minutes: float = own(10.0, ge=0, description="checkpoint at least every so many minutes; 0: never by time")
    eval_steps: int | None = Field(
        None, ge=0, description="measure held-out episodes every so many updates; null: chosen from steps; 0: never"
    )
    max_eval_samples: int | None = Field(
        None, ge=0, description="held-out frames measured each time; null: 256, spread evenly; 0: every frame"
    )
    best: Literal["action_error", "loss"] = own(
        "action_error",
        description="what the best checkpoint and early_stopping go by; loss: the action error is then measured on 256 "
        "frames at most",
    )
    early_stopping: int = own(
        0, ge=0, description="end the run after so many validations in a row without a new best one; 0: never"
    )
    env: EnvConfig | None = Field(None, description="simulated task in which success is measured while training")
    eval_freq: int = Field(
        20_000, description="with --env.type: measure success every so many updates and at the end; 0: never"
    )
    eval: EvalConfig = Field(default_factory=EvalConfig)
    tolerance_s: float | None = Field(
        None, gt=0, description="seconds a timestamp may be off; null: reported, not refused"
    )
    use_policy_training_preset: bool = Field(
        True, description="take the optimiser, its parameter groups and the schedule from the policy"
    )
    optimizer: OptimizerPreset | None = Field(None, description="null: the policy's own")
    scheduler: SchedulerConfig | None = Field(None, description="null: the policy's own")
    precision: Literal["auto", "fp32", "bf16"] = own(
        "auto", description="number format of the forward and backward pass; auto: tried out, the faster one"
    )
    fast_paths: bool = own(
        True, description="fused and folded arithmetic, cheap masks, memory kept between steps; false: the plain way"
    )
    compile: Literal["auto", "on", "off"] = own(
        "auto", description="torch.compile for loss and gradient; auto: on a GPU, where the run is long enough to win"
    )
    prefix_cache: Literal["auto", "memory", "features", "off"] = own(
        "auto",
        description="compute what frozen weights make of each frame once and keep it on disk: what is seen in each "
        "camera (features), or all that is read of a frame (memory); auto: the most that fits and pays",
    )
    continue_schedule: bool = own(
        False,
        description="with --policy.path=RUN: go on with that run's optimiser and schedule too, instead of fresh ones",
    )
    steps_before: int = own(
        0, ge=0, description="updates that continue_schedule goes on from; filled in from the checkpoint"
    )
    peft: PeftOptions | None = Field(None, description="train an adapter in the place of the weights")
    grad_accumulation_steps: int = own(1, ge=1, description="batches whose gradients make one update")
    rename_map: dict[str, str] = Field(
        default_factory=dict, description="dataset's feature name -> policy's, such as '{a: observation.images.top}'"
    )
    naming: Literal["understudy", "study"] = own(
        "understudy", description="study: also leave log, weights and loss picture under the pendulum study's names"
    )
    naming_dir: Path | None = own(None, description="folder for them; null: `study` in the run folder")
    report: bool = own(True, description="at the end, write plots, report.md and report.html into the run folder")
    tensorboard: bool = own(True, description="write TensorBoard logs into the run folder")
    wandb: WandbConfig = Field(default_factory=WandbConfig)
    trackio: TrackioConfig = Field(default_factory=TrackioConfig)

    @field_validator("policy", mode="before")
    @classmethod
    def _policy_by_type(cls, value: Any) -> Any:
        """A dictionary becomes the configuration class that its `type` names. Raises ConfigError for an unknown one."""
        if isinstance(value, Mapping):
            return load(POLICY_CONFIGS, str(value.get("type")), "policy").model_validate(value)
        return value

    @field_validator("output_dir", "naming_dir")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        # shells leave the ~ in --output_dir=~/x alone
        return None if value is None else value.expanduser()

    @field_validator("env")
    @classmethod
    def _known_task(cls, value: EnvConfig | None) -> EnvConfig | None:
        if value is not None:
            check_name(value.type)
        return value

    @field_validator("num_workers")
    @classmethod
    def _at_least_one_thread(cls, value: int | None) -> int | None:
        # LeRobot's 0 means "in the main process", which is one thread
        return None if value is None else max(1, value)

    @field_validator("save_freq", "eval_freq")
    @classmethod
    def _negative_is_zero(cls, value: int) -> int:
        return max(0, value)

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        if self.num_epochs is not None and "steps" in self.model_fields_set:
            raise ValueError("steps and num_epochs both say how long to train; give one of them")
        if not self.use_policy_training_preset and (self.optimizer is None or self.scheduler is None):
            missing = " and ".join(name for name in ("optimizer", "scheduler") if getattr(self, name) is None)
            raise ValueError(
                f"use_policy_training_preset=false leaves {missing} open: give {missing.split()[-1]}.type and what "
                "belongs to it (for a constant rate: scheduler.type=constant_with_warmup, scheduler.num_warmup_steps=0)"
            )
        if self.eval_steps and self.dataset.holds_out_none:
            raise ValueError("eval_steps asks for held-out episodes, but dataset.eval_split=0 holds out none")
        if self.eval_steps == 0 and (reason := self.needs_held_out()):
            raise ValueError(f"{reason} goes by held-out episodes, and eval_steps=0 never measures them")
        if self.env is not None and self.eval_freq and not self.save_checkpoint:
            raise ValueError("env evaluates checkpoints, and save_checkpoint=false writes none; give eval_freq=0 too")
        if self.naming_dir is not None and self.naming != "study":
            raise ValueError("naming_dir is where naming=study leaves its files; give that too")
        self._check_start()
        self._check_prefix_cache()
        return self

    def _check_start(self) -> None:
        """What goes on from trained weights needs some to go on from."""
        if self.policy.pretrained_path is None:
            if self.continue_schedule:
                raise ValueError("continue_schedule goes on from a run: name it with policy.path")
            if self.dataset.statistics == "policy":
                raise ValueError("dataset.statistics=policy takes those of the policy started from: give policy.path")
        if self.steps_before and not self.continue_schedule:
            raise ValueError("steps_before belongs to continue_schedule=true")
        if self.peft is not None and self.policy.pretrained_path is None:
            raise ValueError("peft puts an adapter beside trained weights: name them with policy.path")
        if self.peft is not None and self.continue_schedule:
            raise ValueError("continue_schedule goes on with the optimiser of before, and peft begins new parameters")
        if self.policy.use_peft and self.policy.pretrained_path is None:
            raise ValueError("policy.use_peft goes on with the adapter of a checkpoint: name it with policy.path")
        if (self.peft is not None or self.policy.use_peft) and self.naming == "study":
            raise ValueError("naming=study leaves the weights under another name, and an adapter leaves none")

    def _check_prefix_cache(self) -> None:
        # a stand-in for a policy that is not known yet says nothing
        if self.prefix_cache in ("auto", "off") or type(self.policy) is PolicyConfig:
            return
        asked = f"prefix_cache={self.prefix_cache}"
        if self.prefix_cache not in self.policy.prefix_kinds:
            raise ValueError(
                f"{asked}: {self.policy.type} has no part that is computed before what is trained; leave the option out"
            )
        if self.dataset.image_transforms.enable:
            raise ValueError(
                f"{asked} keeps what is seen in each picture, and dataset.image_transforms.enable=true changes the "
                "pictures at every step; give one of them"
            )

    # -- what the run makes of it ---------------------------------------------------------------------------------

    def default_output_dir(self, now: datetime.datetime | None = None) -> Path:
        """LeRobot's name for a run folder: outputs/train/2026-01-31/12-59-00_act."""
        now = now or datetime.datetime.now()
        return Path("outputs/train") / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}_{self.job_name or self.policy.type}"

    def remarks(self) -> list[str]:
        """What a user may not expect of this configuration, a line each."""
        lines = []
        if self.use_policy_training_preset and self.optimizer is not None:
            lines.append(f"--optimizer.* was given and wins over the preset of {self.policy.type}")
        if self.use_policy_training_preset and self.scheduler is not None:
            lines.append(f"--scheduler.* was given and wins over the preset of {self.policy.type}")
        if self.policy.use_amp:
            lines.append("--policy.use_amp has no effect on training, in LeRobot neither; see --precision=bf16")
        return lines

    def schedule(self) -> SchedulerConfig | None:
        """The schedule of the learning rate: the one given, else the policy's own; None: a constant rate."""
        if self.scheduler is not None or not self.use_policy_training_preset:
            return self.scheduler
        preset = self.policy.scheduler_preset()
        return None if preset is None else SchedulerConfig.model_validate(preset)

    def needs_held_out(self) -> str | None:
        """The option that cannot do without held-out episodes, None when there is none."""
        if self.early_stopping:
            return "early_stopping"
        schedule = self.schedule()
        return schedule.type if schedule is not None and schedule.type == "reduce_on_plateau" else None

    def samples_per_update(self, world: int = 1) -> int:
        """Windows that one update sees on `world` ranks together; `batch_size` counts those of one, as in LeRobot."""
        return self.batch_size * self.grad_accumulation_steps * world

    def hash(self, world: int = 1) -> str:
        """16 hex digits that name the mathematics, with the batch of all ranks: equal for a run and what resumes it."""
        content = self.to_json() | {"batch_size": self.batch_size * world}
        for name in RESUMABLE + _PLACE:
            group, _, option = name.rpartition(".")
            (content[group] if group else content).pop(option, None)
        for part in content["dataset"]["mixture"] or ():
            part.pop("root", None)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """The complete configuration; `TrainConfig.model_validate` of it gives an equal one."""
        # with num_epochs the number of steps is not decided yet, and naming both would be a contradiction
        return self.model_dump(mode="json", exclude={"steps"} if self.num_epochs is not None else None)

    def lerobot_json(self) -> dict[str, Any]:
        """The `train_config.json` of a checkpoint: LeRobot 0.4.4's keys in its order, our values."""
        from .lerobot_config import lerobot_train_config

        return lerobot_train_config(self)
