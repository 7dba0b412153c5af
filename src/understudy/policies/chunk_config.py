"""ChunkConfig: what policies have in common that predict a chunk of actions at once and execute its beginning."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from understudy.core.errors import ConfigError
from understudy.data.spec import ACTION, FeatureType
from understudy.policies.config import Horizon, PolicyConfig


class ChunkConfig(PolicyConfig):
    """One observation, a chunk of actions."""

    chunk_size: int = Field(ge=1, description="actions predicted at once")
    n_action_steps: int = Field(ge=1, description="actions executed of each chunk; at most chunk_size")

    @model_validator(mode="after")
    def _executes_what_it_predicts(self) -> Self:
        if self.n_action_steps > self.chunk_size:
            raise ValueError(
                f"n_action_steps ({self.n_action_steps}) cannot exceed chunk_size ({self.chunk_size}); "
                f"give n_action_steps={self.chunk_size} too"
            )
        return self

    def check_action(self, name: str) -> None:
        """Raises ConfigError, in which the policy is called `name`, unless its output is one vector, the action."""
        action = self.output_features.get(ACTION)
        if action is None or action.type is not FeatureType.ACTION or len(action.shape) != 1:
            raise ConfigError(f"{name} needs the output feature `action`, a vector", where="output_features")

    def action_offsets(self) -> list[int]:
        return list(range(self.chunk_size))

    def horizon(self) -> Horizon:
        return Horizon(self.chunk_size, self.n_action_steps)
