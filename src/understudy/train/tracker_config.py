"""Where else a run is shown while it trains: the options of Weights & Biases and of trackio."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from understudy.policies.config import own


class WandbConfig(BaseModel):
    """Weights & Biases."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enable: bool = Field(False, description="log to Weights & Biases")
    disable_artifact: bool = Field(False, description="do not upload checkpoints")
    project: str = Field("lerobot", description="project of the run")
    entity: str | None = Field(None, description="user or team that the project belongs to")
    notes: str | None = Field(None, description="free text stored with the run")
    run_id: str | None = Field(None, description="go on with this W&B run")
    mode: Literal["online", "offline", "disabled"] | None = Field(None, description="null: online")


class TrackioConfig(BaseModel):
    """trackio, a local experiment tracker."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enable: bool = own(False, description="log to trackio")
    project: str = own("understudy", description="project of the run")
    space_id: str | None = own(None, description="Hugging Face Space that shows the project")
