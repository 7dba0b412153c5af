"""RecordConfig: what is recorded, by whom, and where to. Names are those of `lerobot-record` where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from understudy.envs.catalogue import EnvConfig
from understudy.rollout.choice import ActorChoice


class DatasetTarget(BaseModel):
    """Where the recording goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo_id: str | None = Field(None, min_length=1, description="name of the dataset, user/name")
    root: Path | None = Field(
        None, description="new folder for it; null: under its name in LeRobot's folder, $HF_LEROBOT_HOME"
    )
    num_episodes: int = Field(50, ge=1, description="episodes to record: successful ones, unless failures are kept")
    video: bool = Field(True, description="encode the cameras as videos; false: every picture a PNG, without loss")
    vcodec: Literal["h264", "libsvtav1"] = Field("h264", description="h264 is fast and read everywhere; AV1 is smaller")

    @model_validator(mode="after")
    def _somewhere(self) -> DatasetTarget:
        if self.root is None and self.repo_id is None:
            raise ValueError("say where the recording goes: `root`, a new folder, or `repo_id`, user/name")
        return self


class RecordConfig(BaseModel):
    """What is recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    env: EnvConfig
    policy: ActorChoice = Field(default_factory=ActorChoice, description="who acts")
    dataset: DatasetTarget
    seed: int = Field(0, ge=0, description="the first episode's; the next ones have seed + 1, seed + 2, ...")
    noise: float = Field(
        0.0, ge=0, le=1, description="standard deviation of the noise on executed actions, share of each joint's range"
    )
    noise_correlation_s: float = Field(0.0, ge=0, description="seconds over which the noise fades; 0: new at each step")
    pushes_per_s: float = Field(0.0, ge=0, description="how often the arm is pushed off its way, to record recoveries")
    push_size: float = Field(0.05, ge=0, le=1, description="a push moves a joint by at most this share of its range")
    push_s: float = Field(0.3, gt=0, description="how long a push lasts, seconds")
    keep_failures: bool = Field(
        False, description="record episodes that fail too; false: the next seed takes its place"
    )
    workers: int | None = Field(None, ge=1, description="processes at once; null: one for each core")

    @property
    def root(self) -> Path:
        """The folder that the dataset will be."""
        if self.dataset.root is not None:
            return self.dataset.root
        from understudy.data.hub import lerobot_home

        assert self.dataset.repo_id is not None
        return lerobot_home() / self.dataset.repo_id

    @property
    def disturbs(self) -> bool:
        """Whether anything happens to actions beside what the task itself does to them."""
        return self.noise > 0 or self.pushes_per_s * self.push_size > 0

    @property
    def disturbance(self) -> dict[str, Any]:
        """What happens to actions on their way to the motors."""
        names = ("noise", "noise_correlation_s", "pushes_per_s", "push_size", "push_s")
        return {name: getattr(self, name) for name in names}
