"""StatePolicyConfig: what the options of small policies have in common that see the robot by its state alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from understudy.core.errors import ConfigError
from understudy.data.spec import ACTION, STATE, FeatureType, Statistics
from understudy.policies.chunk_config import ChunkConfig
from understudy.policies.config import NormalizationMode, OptimizerPreset, own

if TYPE_CHECKING:
    from understudy.policies.base import Policy


class StatePolicyConfig(ChunkConfig):
    """A policy that maps the state to a chunk of actions: with our preset, or the published study's and its flaws."""

    preset: Literal["modern", "original"] = own(
        "modern", description="what the other options are unless they are given; original: the published study's"
    )
    n_obs_steps: int = Field(1, ge=1, le=1, description="observations per prediction; only 1 is known")
    chunk_size: int = Field(15, ge=1, description="actions predicted at once")
    n_action_steps: int = Field(15, ge=1, description="actions executed of each chunk; at most chunk_size")
    normalization_mapping: dict[str, NormalizationMode] = Field(
        {"STATE": "MEAN_STD", "ACTION": "MEAN_STD"},
        description="normalisation of each kind of feature; a kind that is absent is not normalised",
    )
    optimizer_lr: float = Field(2e-3, ge=0, description="learning rate")
    optimizer_weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay, on every parameter")
    optimizer_grad_clip_norm: float = Field(1.0, ge=0, description="largest norm of the gradient; 0: not clipped")
    schedule: Literal["cosine", "reduce_on_plateau"] = Field(
        "cosine", description="how the learning rate moves unless the run says otherwise"
    )

    # updates until a cosine schedule has reached the full rate
    warmup: ClassVar[int] = 100

    def check_features(self) -> None:
        """Raises ConfigError unless the state is all there is to look at, and the action a vector."""
        self.check_action(self.type)
        state = self.input_features.get(STATE)
        if state is None or state.type is not FeatureType.STATE or len(state.shape) != 1:
            raise ConfigError(
                f"{self.type} needs the input feature `{STATE}`, a vector; there are: "
                f"{', '.join(self.input_features) or 'none'}",
                where="input_features",
            )
        if others := [name for name in self.input_features if name != STATE]:
            raise ConfigError(
                f"{self.type} looks at `{STATE}` and nothing else, but its inputs are also {', '.join(others)}",
                where="input_features",
                hint="a policy with cameras is --policy.type=act; to leave them out, name the state alone: "
                f'--policy.input_features=\'{{"{STATE}": {{"type": "STATE", "shape": {list(state.shape)}}}}}\'',
            )

    def modes(self) -> dict[str, NormalizationMode]:
        """Normalisation of the state and of the action."""
        kinds = {STATE: FeatureType.STATE, ACTION: FeatureType.ACTION}
        return {name: self.normalization_mapping.get(kind, "IDENTITY") for name, kind in kinds.items()}

    def build(self, statistics: Statistics) -> Policy:
        return self.skeleton(statistics)

    def optimizer_preset(self) -> OptimizerPreset:
        return OptimizerPreset(
            type="adamw",
            lr=self.optimizer_lr,
            weight_decay=self.optimizer_weight_decay,
            grad_clip_norm=self.optimizer_grad_clip_norm,
        )

    def scheduler_preset(self) -> dict[str, Any] | None:
        if self.schedule == "reduce_on_plateau":
            return {"type": "reduce_on_plateau", "factor": 0.6, "patience": 6}
        return {"type": "cosine_annealing_with_warmup", "num_warmup_steps": self.warmup}
