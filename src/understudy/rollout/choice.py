"""Which actor the user asked for: a trained policy by its path, or a reference by its name. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from understudy.envs.environment import Task
    from understudy.policies.config import PolicyConfig

    from .actors import Actor

Reference = Literal["expert", "hold", "random"]


class ActorChoice(BaseModel):
    """Who acts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Reference | None = Field(
        None,
        description="expert: the task's own demonstrator; hold: stays; random: anything; null: expert, or the path",
    )
    path: str | None = Field(None, min_length=1, description="a policy instead: a run, a checkpoint, or a repository")
    device: str | None = Field(None, description="for the policy: cuda, mps or cpu; null: cpu, where many run at once")

    @model_validator(mode="after")
    def _one_of_them(self) -> ActorChoice:
        if self.type is not None and self.path is not None:
            raise ValueError("`type` and `path` both say who acts; give one of them")
        return self

    @property
    def name(self) -> str:
        """What to call it in a line of text."""
        return self.path or self.type or "expert"


def check_choice(choice: ActorChoice, task: Task) -> None:
    """See before anything starts that the chosen policy fits the task; its weights are not read.

    Raises ConfigError with a table of the features of both, CheckpointError for what is no policy.
    """
    if choice.path is None:
        return
    from understudy.policies.checkpoint_config import read_policy_config
    from understudy.policies.places import find_checkpoint
    from understudy.policies.processors import read_rename_map

    checkpoint = find_checkpoint(choice.path)
    check_fits(read_policy_config(checkpoint), read_rename_map(checkpoint), task)


def check_fits(config: PolicyConfig, rename_map: Mapping[str, str], task: Task) -> None:
    """Raises ConfigError with a table of the features of both sides when the policy does not fit the task.

    rename_map   name in the task -> name the policy knows
    """
    from understudy.data.spec import DatasetSpec
    from understudy.policies.matching import check_features

    renamed = {rename_map.get(name, name): feature for name, feature in task.features.items()}
    check_features(config, DatasetSpec(renamed, task.fps), of="task")


def make_actor(choice: ActorChoice) -> Actor:
    """The actor, its policy loaded. Raises ConfigError, CheckpointError."""
    from .actors import ExpertActor, HoldActor, PolicyActor, RandomActor

    if choice.path is not None:
        from understudy.policies.places import find_checkpoint
        from understudy.policies.pretrained import load_policy

        return PolicyActor(load_policy(find_checkpoint(choice.path), choice.device or "cpu"))
    if choice.type == "hold":
        return HoldActor()
    return RandomActor() if choice.type == "random" else ExpertActor()
