"""PolicyConfig: what every policy's configuration has in common. Light: importing this imports no torch.

The fields below, in this order, are the ones LeRobot writes first into every `config.json`. A field that LeRobot does
not know is marked with `own()`: it is kept out of `config.json`, which LeRobot 0.4 reads strictly, and stored in our
own `understudy.json` beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from understudy.core.errors import CheckpointError, ConfigError
from understudy.data.spec import DatasetSpec, FeatureSpec, FeatureType, Statistics

if TYPE_CHECKING:
    from understudy.data.spec import Batch
    from understudy.policies.base import Policy

NormalizationMode = Literal["MEAN_STD", "MIN_MAX", "QUANTILES", "QUANTILE10", "IDENTITY"]


class Horizon(NamedTuple):
    """Actions predicted at once, how many of them are executed before the next prediction, how overlapping predictions
    are averaged (None: they are not), and whether the policy has an option for that."""

    predicted: int
    executed: int
    ensemble_coefficient: float | None = None
    can_ensemble: bool = False


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

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    type: Literal["adam", "adamw", "sgd"] = Field("adamw", description="optimiser")
    lr: float = Field(ge=0, description="learning rate")
    betas: tuple[float, float] = Field((0.9, 0.999), description="decay of the two moments; adam and adamw")
    eps: float = Field(1e-8, ge=0, description="added to the root of the second moment; adam and adamw")
    weight_decay: float = Field(ge=0, description="decoupled for adamw, part of the gradient for adam and sgd")
    grad_clip_norm: float = Field(10.0, description="largest norm of the whole gradient; 0 or less: not clipped")


def _fitted(asked: dict[str, Feature], there: dict[str, FeatureSpec], where: str) -> dict[str, Feature]:
    """`asked` checked against what the dataset has, or all the dataset has when nothing was asked for."""
    if not asked:
        return {name: Feature(type=f.type, shape=f.shape) for name, f in there.items()}
    fitted = {}
    for name, feature in asked.items():
        if name not in there:
            raise ConfigError(
                f"the policy needs the feature `{name}`, which the dataset does not have",
                where=where,
                hint=f"it has {', '.join(there) or 'none of this kind'}; --rename_map gives its features other names",
            )
        found = there[name]
        same = feature.shape == found.shape
        if feature.type is FeatureType.VISUAL:
            same = feature.shape[0] == found.shape[0]
        if feature.type != found.type or not same:
            raise ConfigError(
                f"the policy expects `{name}` as {feature.type} {list(feature.shape)}, "
                f"but in the dataset it is {found.type} {list(found.shape)}",
                where=where,
                hint="train on a dataset of the same robot, or start from fresh weights",
            )
        fitted[name] = Feature(type=found.type, shape=found.shape)
    return fitted


class PolicyConfig(BaseModel):
    """The options every policy has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    type: str = Field(description="which policy")
    n_obs_steps: int = Field(1, ge=1, description="observations per prediction")
    input_features: dict[str, Feature] = Field(default_factory=dict, description="taken from the dataset when empty")
    output_features: dict[str, Feature] = Field(default_factory=dict, description="taken from the dataset when empty")
    device: str | None = Field(None, description="cuda, cuda:1, mps or cpu; null takes the best one there is")
    use_amp: bool = Field(False, description="kept for LeRobot; has no effect on training (see --precision)")
    use_peft: bool = Field(False, description="the checkpoint holds an adapter; --peft.* begins a new one")
    push_to_hub: bool = Field(True, description="with repo_id set: push the finished policy to the Hub")
    repo_id: str | None = Field(
        None, description="Hub repository the finished policy is pushed to; null pushes nothing"
    )
    private: bool | None = Field(None, description="make that repository private")
    tags: list[str] | None = Field(None, description="tags of the model card")
    license: str | None = Field(None, description="licence of the model card")
    pretrained_path: str | None = Field(None, description="folder or Hub repository the weights were started from")

    # whether a user may start this policy from random weights without being asked
    trains_from_scratch: ClassVar[bool] = True
    # what of a frame may be kept because the weights for it are frozen: the names that `Policy.prefixes` gives
    prefix_kinds: ClassVar[tuple[str, ...]] = ()
    # name -> the options it stands for; the first is the default of a policy that has a field `preset`
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    # layers that an adapter is put beside unless --peft.target_modules names others: LeRobot's pattern of whole names
    adapter_targets: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, data: Any) -> Any:
        """What the preset stands for, unless it was given by name: a stored configuration holds every option."""
        if not cls.presets or not isinstance(data, dict):
            return data
        return {**cls.presets.get(str(data.get("preset", next(iter(cls.presets)))), {}), **data}

    # -- what a subclass answers ----------------------------------------------------------------------------------

    def check_features(self) -> None:
        """Raises ConfigError when `input_features` and `output_features` are not what this policy can work with."""
        raise NotImplementedError

    def skeleton(self, statistics: Statistics) -> Policy:
        """The policy with weights that are about to be overwritten by a checkpoint's: downloads nothing."""
        raise NotImplementedError

    def build(self, statistics: Statistics) -> Policy:
        """The policy with fresh weights, pretrained parts included. Needs the features filled in. Imports torch."""
        raise NotImplementedError

    def fetch(self) -> None:
        """Bring here what `build` will read from the network, so that it cannot be found missing after long work.

        With `pretrained_path`, what its weights need beside them. Raises ConfigError or CheckpointError when it cannot
        be had.
        """

    def action_offsets(self) -> list[int]:
        """Which actions a window holds, as frame offsets from its first frame."""
        raise NotImplementedError

    def horizon(self) -> Horizon:
        """How far the policy predicts, and how its predictions are executed."""
        raise NotImplementedError

    def optimizer_preset(self) -> OptimizerPreset:
        """The optimiser this policy asks for."""
        raise NotImplementedError

    def scheduler_preset(self) -> dict[str, Any] | None:
        """The schedule this policy asks for, as options of `--scheduler`; None: a constant rate."""
        return None

    @classmethod
    def tiny(cls) -> Self:
        """The smallest configuration worth testing, features included."""
        raise NotImplementedError

    # -- features -------------------------------------------------------------------------------------------------

    def with_features(self, spec: DatasetSpec) -> Self:
        """This configuration with the features of the dataset; features that are set already are checked against it.

        A camera's image size may differ from the configured one, because a policy that depends on it says so itself.
        Raises ConfigError when the dataset lacks what the policy needs.
        """
        inputs = _fitted(self.input_features, spec.inputs(), "input_features")
        outputs = _fitted(self.output_features, spec.outputs(), "output_features")
        config = self.model_copy(update={"input_features": inputs, "output_features": outputs})
        config.check_features()
        return config

    def with_statistics(self, features: Collection[str]) -> Self:
        """This configuration, read from a checkpoint that stores statistics of `features`, as its training had it."""
        return self

    def fake_batch(self, size: int, seed: int = 0) -> Batch:
        """A batch of `size` windows of the right shapes with random content: for tests, warm-up and forecasts.

        The last action of every window but the first is marked as padding.
        """
        import numpy as np
        import torch

        from understudy.data.spec import Batch

        generator = torch.Generator().manual_seed(seed)
        observation = {}
        for name, feature in self.input_features.items():
            shape = (size, *feature.shape)
            if feature.type is FeatureType.VISUAL:
                observation[name] = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
            else:
                observation[name] = torch.randn(shape, generator=generator)
        steps = len(self.action_offsets())
        action = torch.randn((size, steps, *self.output_features["action"].shape), generator=generator)
        padded = torch.zeros(size, steps, dtype=torch.bool)
        padded[1:, steps - 1 :] = steps > 1
        return Batch(observation, action, padded, task=["pick up the cube"] * size, rows=np.arange(size))

    def fake_statistics(self, seed: int = 0) -> Statistics:
        """Plausible statistics for every feature, for use with `fake_batch`."""
        import numpy as np

        rng = np.random.default_rng(seed)
        statistics: Statistics = {}
        for name, feature in {**self.input_features, **self.output_features}.items():
            shape = (feature.shape[0], 1, 1) if feature.type is FeatureType.VISUAL else feature.shape
            mean, std = rng.uniform(0.3, 0.6, shape), rng.uniform(0.2, 0.4, shape)
            points = {"min": -3, "q01": -2.3, "q10": -1.3, "q50": 0, "q90": 1.3, "q99": 2.3, "max": 3}
            values = {"mean": mean, "std": std, **{k: mean + z * std for k, z in points.items()}}
            statistics[name] = {k: v.astype(np.float32) for k, v in values.items()}
            statistics[name]["count"] = np.array([100], np.float32)
        return statistics

    # -- words ----------------------------------------------------------------------------------------------------

    def language_steps(self) -> dict[str, dict[str, Any]]:
        """LeRobot's steps that make tokens of the task, name -> options; {} for a policy that does not read."""
        return {}

    def with_language_steps(self, steps: Mapping[str, dict[str, Any]]) -> Self:
        """This configuration as a checkpoint's steps have it. Raises CheckpointError for what is not known here."""
        if steps:
            raise CheckpointError(f"{self.type} reads no words, but the processors make tokens: {', '.join(steps)}")
        return self

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

    def to_dict(self) -> dict[str, Any]:
        """Every option: peft asks a network's configuration for this."""
        return self.model_dump(mode="json")

    def own_json(self) -> dict[str, Any]:
        """The options that `config.json` cannot hold."""
        return self.model_dump(mode="json", include=self.own_fields())
