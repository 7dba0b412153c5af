"""What trials on a real arm are asked for. Light."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MANUAL = "manual"


class ManualConfig(BaseModel):
    """Trials by hand (--env.type=manual)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: list[str] | None = Field(
        None,
        min_length=1,
        max_length=26,
        description="the policies, such as '[outputs/a, outputs/b]'; null: policy.path",
    )
    command: str | None = Field(
        None,
        description="what starts the robot, with {policy} for the policy; written into start-A.sh, start-B.sh, ...",
    )
    task: str = Field("", description="what the robot is to do, in words; kept with the records")
    time_limit_s: float | None = Field(None, gt=0, description="seconds after which a trial counts as failed")
