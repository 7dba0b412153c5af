"""ActConfig: LeRobot's options for ACT with LeRobot's names, order and defaults, and ours at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from understudy.core.errors import ConfigError
from understudy.data.spec import ACTION, ENVIRONMENT, IMAGES, STATE, FeatureType, Statistics
from understudy.policies.backbone_names import BACKBONES, BOTTLENECKS, KEYPOINTS, check_weights_name
from understudy.policies.chunk_config import ChunkConfig
from understudy.policies.config import Feature, Horizon, NormalizationMode, OptimizerPreset, own

if TYPE_CHECKING:
    from understudy.policies.act.model import Act


class ActConfig(ChunkConfig):
    """Action Chunking Transformer: predicts the next `chunk_size` actions from one observation."""

    type: Literal["act"] = "act"
    n_obs_steps: int = Field(1, description="observations per prediction; ACT knows only 1")
    chunk_size: int = Field(100, ge=1, description="actions predicted at once")
    n_action_steps: int = Field(100, ge=1, description="actions executed of each chunk; at most chunk_size")
    normalization_mapping: dict[str, NormalizationMode] = Field(
        {"VISUAL": "MEAN_STD", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"},
        description="normalisation of each kind of feature; a kind that is absent is not normalised",
    )
    vision_backbone: str = Field(
        "resnet18",
        description="resnet18, resnet34, resnet50, resnet101 or resnet152; or keypoints: ours, small, made for few "
        "demonstrations and a CPU, and unknown to LeRobot",
    )
    pretrained_backbone_weights: str | None = Field(
        "ResNet18_Weights.IMAGENET1K_V1",
        description="torchvision's name of the ImageNet weights, a local .safetensors file, or null for random weights",
    )
    replace_final_stride_with_dilation: bool = Field(
        False, description="twice the resolution of the last feature map; resnet50 and larger only"
    )
    pre_norm: bool = Field(False, description="norms before instead of after each part of the transformer")
    dim_model: int = Field(512, ge=4, description="width of the transformer; divisible by n_heads and by 4")
    n_heads: int = Field(8, ge=1, description="attention heads")
    dim_feedforward: int = Field(3200, ge=1, description="width of the feed-forward parts")
    feedforward_activation: Literal["relu", "gelu"] = Field("relu", description="of the feed-forward parts")
    n_encoder_layers: int = Field(4, ge=0, description="layers of the encoder")
    n_decoder_layers: int = Field(
        1, ge=1, description="layers of the decoder; the original code only ever used the first of its 7"
    )
    use_vae: bool = Field(True, description="train with a latent variable that encodes the demonstrated chunk")
    latent_dim: int = Field(32, ge=1, description="numbers in that latent variable")
    n_vae_encoder_layers: int = Field(4, ge=0, description="layers of its encoder")
    temporal_ensemble_coeff: float | None = Field(
        None,
        description="average overlapping chunks with weights exp(-coeff * age); needs n_action_steps=1; 0.01 is usual",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="in the transformer")
    kl_weight: float = Field(10.0, ge=0, description="weight of the KL part; the logged kld_loss is unweighted")
    optimizer_lr: float = Field(1e-5, ge=0, description="learning rate")
    optimizer_weight_decay: float = Field(1e-4, ge=0, description="decoupled weight decay, on every parameter")
    optimizer_lr_backbone: float = Field(1e-5, ge=0, description="learning rate of the image backbone")

    loss_normalization: Literal["valid", "all"] = own(
        "valid",
        description="L1 as the mean over the actions inside the episode (LeRobot 0.6), "
        "or with padded ones counted as zeros (LeRobot 0.4)",
    )
    backbone_weights_file: Path | None = own(
        None, description="safetensors file with torchvision's names to start the backbone from, instead of a download"
    )
    backbone_norms: Literal["measured", "identity"] = own(
        "measured",
        description="a backbone without pretrained weights: measure its frozen norms once on the dataset, "
        "or leave them without effect (LeRobot)",
    )

    trains_from_scratch: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _local_file_is_its_own_option(cls, data: Any) -> Any:
        """LeRobot hands `pretrained_backbone_weights` to torchvision, so `config.json` must not hold a path in it."""
        name = data.get("pretrained_backbone_weights") if isinstance(data, dict) else None
        if isinstance(name, str | Path) and str(name).endswith((".safetensors", ".pth", ".pt", ".bin")):
            file = data.get("backbone_weights_file") or name
            return {**data, "pretrained_backbone_weights": None, "backbone_weights_file": file}
        return data

    @model_validator(mode="before")
    @classmethod
    def _keypoints_have_no_pretrained_weights(cls, data: Any) -> Any:
        """Whoever asks for our small backbone need not also take back the default weights of another."""
        if isinstance(data, dict) and data.get("vision_backbone") == KEYPOINTS:
            return {"pretrained_backbone_weights": None} | data
        return data

    @field_validator("n_obs_steps")
    @classmethod
    def _one_observation(cls, value: int) -> int:
        if value != 1:
            raise ValueError("ACT looks at one observation; n_obs_steps must be 1")
        return value

    @field_validator("vision_backbone")
    @classmethod
    def _known_backbone(cls, value: str) -> str:
        if value not in BACKBONES:
            raise ValueError(f"must be one of {', '.join(BACKBONES)}")
        return value

    @field_validator("feedforward_activation", mode="before")
    @classmethod
    def _no_glu(cls, value: Any) -> Any:
        if value == "glu":
            raise ValueError(
                "`glu` halves the width, which linear2 cannot take (it fails in LeRobot too); relu or gelu"
            )
        return value

    @field_validator("normalization_mapping")
    @classmethod
    def _known_kinds(cls, value: dict[str, NormalizationMode]) -> dict[str, NormalizationMode]:
        known = {*FeatureType, "REWARD", "LANGUAGE"}
        for kind in value:
            if kind not in known:
                raise ValueError(f"`{kind}` is no kind of feature; known: {', '.join(sorted(known))}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> ActConfig:
        if self.temporal_ensemble_coeff is not None and self.n_action_steps != 1:
            raise ValueError("temporal_ensemble_coeff needs n_action_steps=1: it predicts at every step")
        if self.dim_model % self.n_heads:
            raise ValueError(f"dim_model ({self.dim_model}) must be divisible by n_heads ({self.n_heads})")
        if self.dim_model % 4:
            raise ValueError(
                f"dim_model ({self.dim_model}) must be divisible by 4: sines and cosines of rows and columns"
            )
        if self.replace_final_stride_with_dilation and self.vision_backbone not in BOTTLENECKS:
            raise ValueError(f"replace_final_stride_with_dilation needs resnet50 or larger, not {self.vision_backbone}")
        if self.vision_backbone == KEYPOINTS and self.backbone_weights_file is not None:
            raise ValueError(f"vision_backbone={KEYPOINTS} starts from random weights; leave backbone_weights_file out")
        if self.pretrained_backbone_weights is not None:
            check_weights_name(self.vision_backbone, self.pretrained_backbone_weights)
        return self

    # -- features -------------------------------------------------------------------------------------------------

    @property
    def cameras(self) -> list[str]:
        """The cameras, in the order of their tokens."""
        return [name for name, f in self.input_features.items() if f.type is FeatureType.VISUAL]

    @property
    def sees_keypoints(self) -> bool:
        """Whether each camera is one token of keypoints instead of the cells of a feature map."""
        return self.vision_backbone == KEYPOINTS

    @property
    def state(self) -> Feature | None:
        """The robot's own state; other features of that kind are not looked at (LeRobot's rule)."""
        feature = self.input_features.get(STATE)
        return feature if feature is not None and feature.type is FeatureType.STATE else None

    @property
    def environment(self) -> Feature | None:
        """The environment's state, if the dataset has one."""
        feature = self.input_features.get(ENVIRONMENT)
        return feature if feature is not None and feature.type is FeatureType.ENV else None

    def check_features(self) -> None:
        """Raises ConfigError unless there is something to look at and something to do."""
        self.check_action("ACT")
        if not self.cameras and self.environment is None:
            raise ConfigError(
                f"ACT needs a camera or `{ENVIRONMENT}` among its inputs; there are: "
                f"{', '.join(self.input_features) or 'none'}",
                where="input_features",
                hint="a dataset whose only observation is the robot's state cannot be learnt by ACT",
            )

    def modes(self) -> dict[str, NormalizationMode]:
        """Normalisation of every feature the network reads or writes."""
        used = [*self.cameras, *([STATE] if self.state else []), *([ENVIRONMENT] if self.environment else [])]
        kinds = {name: self.input_features[name].type for name in used} | {ACTION: FeatureType.ACTION}
        return {name: self.normalization_mapping.get(kind, "IDENTITY") for name, kind in kinds.items()}

    # -- the policy -----------------------------------------------------------------------------------------------

    def skeleton(self, statistics: Statistics) -> Act:
        self.check_features()
        from understudy.policies.act.model import Act

        return Act(self, statistics)

    def build(self, statistics: Statistics) -> Act:
        policy = self.skeleton(statistics)
        policy.start_backbone()
        return policy

    def fetch(self) -> None:
        if self.cameras and not self.pretrained_path:
            from understudy.policies.act.weights import pretrained_backbone

            pretrained_backbone(self)

    def horizon(self) -> Horizon:
        return Horizon(self.chunk_size, self.n_action_steps, self.temporal_ensemble_coeff, can_ensemble=True)

    def optimizer_preset(self) -> OptimizerPreset:
        return OptimizerPreset(type="adamw", lr=self.optimizer_lr, weight_decay=self.optimizer_weight_decay)

    @classmethod
    def tiny(cls) -> ActConfig:
        return cls(
            input_features={
                IMAGES + "front": Feature(type=FeatureType.VISUAL, shape=(3, 32, 48)),
                STATE: Feature(type=FeatureType.STATE, shape=(6,)),
            },
            output_features={ACTION: Feature(type=FeatureType.ACTION, shape=(6,))},
            pretrained_backbone_weights=None,
            device="cpu",
            chunk_size=5,
            n_action_steps=5,
            dim_model=16,
            n_heads=2,
            dim_feedforward=32,
            n_encoder_layers=1,
            n_vae_encoder_layers=1,
            latent_dim=4,
        )
