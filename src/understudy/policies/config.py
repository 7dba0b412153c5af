"""PolicyConfig: what every policy's configuration has in common. Light: importing this imports no torch.

The fields below, in this order, are the ones LeRobot writes first into every `config.json`. A field that LeRobot does
not know is marked with `own()`: it is kept out of `config.json`, which LeRobot 0.4 reads strictly, and stored in our
own `understudy.json` beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from understudy.data.spec import DatasetSpec, FeatureType, Statistics

if TYPE_CHECKING:
    from understudy.data.spec import Batch
    from understudy.policies.base import Policy

NormalizationMode = Literal["MEAN_STD", "MIN_MAX", "QUANTILES", "QUANTILE10", "IDENTITY"]


def own(default: Any, *, description: str, **limits: Any) -> Any:
    """A field of ours that LeRobot's `config.json` does not have."""
    return Field(default, description=description, json_schema_extra={"own": True}, **limits)


class Feature(BaseModel):
    """One entry of `input_features` or `output_features`; images as (channels, height, width)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: FeatureType
    shape: tuple[int, ...]


class OptimizerPreset(BaseModel):
    """The optimiser a policy asks for unless the user says otherwise (LeRobot's preset)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float
    grad_clip_norm: float = 10.0


class PolicyConfig(BaseModel):
    """The options every policy has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    n_obs_steps: int = Field(1, ge=1, description="observations per prediction")
    input_features: dict[str, Feature] = Field(default_factory=dict, description="taken from the dataset when empty")
    output_features: dict[str, Feature] = Field(default_factory=dict, description="taken from the dataset when empty")
    device: str | None = Field(None, description="cuda, cuda:1, mps or cpu; null takes the best one there is")
    use_amp: bool = Field(False, description="kept for LeRobot; has no effect on training (see --precision)")
    use_peft: bool = Field(False, description="kept for LeRobot; adapters are not supported yet")
    push_to_hub: bool = Field(True, description="with repo_id set: push the finished policy to the Hub")
    repo_id: str | None = Field(None, description="Hub repository the finished policy is pushed to; null pushes nothing")
    private: bool | None = Field(None, description="make that repository private")
    tags: list[str] | None = Field(None, description="tags of the model card")
    license: str | None = Field(None, description="licence of the model card")
    pretrained_path: str | None = Field(None, description="folder or Hub repository the weights were started from")

    # whether a user may start this policy from random weights without being asked
    trains_from_scratch: ClassVar[bool] = True

    # -- what a subclass answers ----------------------------------------------------------------------------------

    def with_features(self, spec: DatasetSpec) -> PolicyConfig:
        """This configuration with `input_features` and `output_features` taken from the dataset.

        Raises ConfigError when the dataset lacks what the policy needs.
        """
        raise NotImplementedError

    def build(self, statistics: Statistics) -> Policy:
        """The policy with fresh weights. Needs the features to be filled in. Imports torch."""
        raise NotImplementedError

    def action_offsets(self) -> list[int]:
        """Which actions a window holds, as frame offsets from its first frame."""
        raise NotImplementedError

    def optimizer_preset(self) -> OptimizerPreset:
        raise NotImplementedError

    def fake_batch(self, size: int, seed: int = 0) -> Batch:
        """A batch of `size` windows of the right shapes with random content: for tests, warm-up and forecasts."""
        raise NotImplementedError

    # -- LeRobot's files ------------------------------------------------------------------------------------------

    @classmethod
    def own_fields(cls) -> set[str]:
        """Names of the options that LeRobot does not know."""
        return {
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("own")
        }

    def lerobot_json(self) -> dict[str, Any]:
        """What `config.json` holds: `type` first, then LeRobot 0.4.4's keys in its order."""
        return self.model_dump(mode="json", exclude=self.own_fields())

    def own_json(self) -> dict[str, Any]:
        """The options that `config.json` cannot hold."""
        return self.model_dump(mode="json", include=self.own_fields())
