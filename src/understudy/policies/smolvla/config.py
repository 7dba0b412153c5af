"""SmolVlaConfig: LeRobot's options for SmolVLA with LeRobot's names, order and defaults, and ours at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from understudy.core import log
from understudy.core.errors import CheckpointError, ConfigError
from understudy.data.spec import ACTION, IMAGES, STATE, DatasetSpec, FeatureType, Statistics
from understudy.policies.chunk_config import ChunkConfig
from understudy.policies.config import Feature, NormalizationMode, OptimizerPreset, own
from understudy.policies.smolvla.vlm import SMOLVLM2, TINY, VlmShape

if TYPE_CHECKING:
    from understudy.policies.smolvla.model import SmolVla

# what LeRobot adds to the features for each of `empty_cameras`; it does so again whenever it loads a checkpoint
_EMPTY_CAMERA = f"{IMAGES}empty_camera_"
_NEW_LINE, _TOKENIZER = "smolvla_new_line_processor", "tokenizer_processor"
_TINY_PRESET: dict[str, Any] = {
    "vlm_model_name": TINY,
    "num_vlm_layers": 4,
    "chunk_size": 10,
    "n_action_steps": 10,
    "resize_imgs_with_padding": (64, 64),
    "tokenizer_max_length": 96,
    "train_expert_only": False,
    "freeze_vision_encoder": False,
    "optimizer_lr": 1e-3,
    "scheduler_warmup_steps": 100,
}


class SmolVlaConfig(ChunkConfig):
    """A vision-language model reads cameras, instruction and state; an expert beside it draws chunks of actions."""

    type: Literal["smolvla"] = "smolvla"
    n_obs_steps: int = Field(1, ge=1, le=1, description="observations per prediction; SmolVLA knows only 1")
    chunk_size: int = Field(50, ge=1, description="actions predicted at once")
    n_action_steps: int = Field(50, ge=1, description="actions executed of each chunk; at most chunk_size")
    normalization_mapping: dict[str, NormalizationMode] = Field(
        {"VISUAL": "IDENTITY", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"},
        description="normalisation of each kind of feature; a kind that is absent is not normalised",
    )
    max_state_dim: int = Field(32, ge=1, description="the state is padded with zeros to so many numbers")
    max_action_dim: int = Field(32, ge=1, description="actions are padded with zeros to so many numbers")
    resize_imgs_with_padding: tuple[int, int] | None = Field(
        (512, 512), description="(width, height) that pictures are fitted into, in the lower right corner; null: as is"
    )
    empty_cameras: int = Field(0, ge=0, description="absent cameras for which the policy is shown nothing")
    adapt_to_pi_aloha: bool = Field(False, description="turn joints and grippers of an ALOHA robot into those of pi0")
    use_delta_joint_actions_aloha: bool = Field(False, description="not implemented, in LeRobot neither")
    tokenizer_max_length: int = Field(48, ge=1, description="tokens of an instruction; what is longer is cut off")
    num_steps: int = Field(10, ge=1, description="Euler steps of a prediction")
    use_cache: bool = Field(True, description="kept for LeRobot; what was read is always kept for all Euler steps")
    freeze_vision_encoder: bool = Field(True, description="do not train the vision tower")
    train_expert_only: bool = Field(True, description="do not train the vision-language model at all")
    train_state_proj: bool = Field(True, description="train the map of the state into the language model")
    optimizer_lr: float = Field(1e-4, gt=0, description="learning rate")
    optimizer_betas: tuple[float, float] = Field((0.9, 0.95), description="decay of the two moments")
    optimizer_eps: float = Field(1e-8, ge=0, description="added to the root of the second moment")
    optimizer_weight_decay: float = Field(1e-10, ge=0, description="decoupled weight decay, on every parameter")
    optimizer_grad_clip_norm: float = Field(10.0, ge=0, description="largest norm of the gradient; 0: not clipped")
    scheduler_warmup_steps: int = Field(1_000, ge=0, description="updates until the full rate is reached")
    scheduler_decay_steps: int = Field(30_000, ge=1, description="updates until scheduler_decay_lr")
    scheduler_decay_lr: float = Field(2.5e-6, ge=0, description="learning rate at the end")
    vlm_model_name: str = Field(
        SMOLVLM2,
        description="vision-language model and tokenizer: a name on the Hub or a folder; tiny: for tests",
    )
    load_vlm_weights: bool = Field(False, description="start from that model's weights; false: from random ones")
    add_image_special_tokens: bool = Field(False, description="put the model's special tokens around each picture")
    attention_mode: str = Field(
        "cross_attn", description="cross_attn: layers of the expert look at the language model's in turn; self_attn: no"
    )
    prefix_length: int = Field(-1, description="kept for LeRobot; padding what is read changes no action")
    pad_language_to: Literal["longest", "max_length"] = Field(
        "longest",
        description="pad instructions to the longest of a batch, or to tokenizer_max_length; changes no action",
    )
    num_expert_layers: int = Field(-1, description="layers of the expert; 0 or less: as many as the language model's")
    num_vlm_layers: int = Field(16, description="the first so many layers of the language model; 0 or less: all")
    self_attn_every_n_layers: int = Field(
        2, description="each so manieth layer of the expert sees its own actions too; 0 or less: none does"
    )
    expert_width_multiplier: float = Field(
        0.75, gt=0, description="width of the expert, in parts of the language model's"
    )
    min_period: float = Field(4e-3, gt=0, description="shortest period of the time's sines")
    max_period: float = Field(4.0, gt=0, description="longest period of the time's sines")
    rtc_config: dict[str, Any] | None = Field(None, description="real-time chunking; not supported yet")
    compile_model: bool = Field(False, description="kept for LeRobot; has no effect here (see --compile)")
    compile_mode: str = Field("max-autotune", description="kept for LeRobot; has no effect here")

    preset: Literal["base", "tiny"] = own(
        "base", description="what the other options are unless they are given; tiny: a million parameters, for tests"
    )
    vlm: VlmShape | None = own(None, description="sizes of the vision-language model; null: those of vlm_model_name")
    tokenizer_name: str | None = own(None, description="tokenizer: a name on the Hub or a folder; null: vlm_model_name")
    from_scratch: bool = own(False, description="yes, start from random weights, with no model that can see or read")
    loss_normalization: Literal["valid", "all"] = own(
        "valid",
        description="mean squared error over the robot's own actions inside the episode (LeRobot 0.6), "
        "or with padding counted in (LeRobot 0.4)",
    )

    gradient_checkpointing: bool = own(
        False, description="keep less for the backward pass and compute it again there: same numbers, less memory"
    )

    trains_from_scratch: ClassVar[bool] = False
    prefix_kinds: ClassVar[tuple[str, ...]] = ("memory", "features")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"base": {}, "tiny": _TINY_PRESET}
    adapter_targets: ClassVar[str | None] = (
        r"(model\.vlm_with_expert\.lm_expert\..*\.(q|v)_proj|model\.("
        r"state_proj|action_in_proj|action_out_proj|action_time_mlp_in|action_time_mlp_out))"
    )

    @field_validator("input_features")
    @classmethod
    def _without_empty_cameras(cls, value: dict[str, Feature]) -> dict[str, Feature]:
        return {name: feature for name, feature in value.items() if not name.startswith(_EMPTY_CAMERA)}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.use_delta_joint_actions_aloha:
            raise ValueError("use_delta_joint_actions_aloha=true is not implemented, in LeRobot neither")
        if self.rtc_config is not None and self.rtc_config.get("enabled"):
            raise ValueError("rtc_config.enabled=true: real-time chunking is not supported yet")
        return self

    # -- features -------------------------------------------------------------------------------------------------

    def with_features(self, spec: DatasetSpec) -> Self:
        """As `PolicyConfig.with_features`; features that are set take to other cameras and sizes, and that is told."""
        if not self.input_features:
            return super().with_features(spec)
        from understudy.policies.smolvla.adapt import adapted

        config, changes = adapted(self, spec)
        config.check_features()
        for change in changes:
            log.say(f"{'adapted':<10} {change}")
        return config

    def with_statistics(self, features: Collection[str]) -> Self:
        from understudy.policies.smolvla.adapt import seen_in_training

        return seen_in_training(self, features)

    @property
    def cameras(self) -> list[str]:
        """The cameras, in the order of their tokens."""
        return [name for name, f in self.input_features.items() if f.type is FeatureType.VISUAL]

    def check_features(self) -> None:
        """Raises ConfigError unless there are a camera, a state and an action that fit."""
        self.check_action("SmolVLA")
        action, state = self.output_features[ACTION], self.input_features.get(STATE)
        if state is None or state.type is not FeatureType.STATE or len(state.shape) != 1:
            raise ConfigError(f"SmolVLA needs the input feature `{STATE}`, a vector", where="input_features")
        for name, feature, most in ((STATE, state, self.max_state_dim), (ACTION, action, self.max_action_dim)):
            if feature.shape[0] > most:
                option = "max_state_dim" if name == STATE else "max_action_dim"
                raise ConfigError(
                    f"`{name}` has {feature.shape[0]} numbers, and the policy has room for {most}",
                    where=f"--policy.{option}",
                    hint="a policy from scratch may have more; pretrained weights have that room and no other",
                )
        if not self.cameras:
            raise ConfigError(
                f"SmolVLA needs a camera among its inputs; there are: {', '.join(self.input_features) or 'none'}",
                where="input_features",
                hint="take recordings with pictures, or another --policy.type",
            )
        if self.adapt_to_pi_aloha and (state.shape[0], action.shape[0]) != (14, 14):
            raise ConfigError(
                f"adapt_to_pi_aloha is for two arms of 7 joints each; here are {state.shape[0]} and {action.shape[0]}",
                where="--policy.adapt_to_pi_aloha",
            )

    def modes(self) -> dict[str, NormalizationMode]:
        """Normalisation of every feature the network reads or writes."""
        kinds = dict.fromkeys(self.cameras, FeatureType.VISUAL) | {STATE: FeatureType.STATE, ACTION: FeatureType.ACTION}
        return {name: self.normalization_mapping.get(kind, "IDENTITY") for name, kind in kinds.items()}

    # -- words ----------------------------------------------------------------------------------------------------

    def language_steps(self) -> dict[str, dict[str, Any]]:
        tokenizer = {
            "max_length": self.tokenizer_max_length,
            "task_key": "task",
            "padding_side": "right",
            "padding": self.pad_language_to,
            "truncation": True,
            "tokenizer_name": self.tokenizer_name or self.vlm_model_name,
        }
        return {_NEW_LINE: {}, _TOKENIZER: tokenizer}

    def with_language_steps(self, steps: Mapping[str, dict[str, Any]]) -> Self:
        if missing := sorted({_NEW_LINE, _TOKENIZER} - steps.keys()):
            raise CheckpointError(f"the processors lack {', '.join(missing)}, without which no task can be read")
        there, known = steps[_TOKENIZER], self.language_steps()[_TOKENIZER]
        for fixed in ("task_key", "padding_side", "truncation"):
            if there.get(fixed, known[fixed]) != known[fixed]:
                raise CheckpointError(f"the tokenizer's step has {fixed}={there[fixed]!r}, which is not known here")
        longest, padding = (there.get(name, known[name]) for name in ("max_length", "padding"))
        if not isinstance(longest, int) or longest < 1 or padding not in ("longest", "max_length"):
            raise CheckpointError(f"the tokenizer's step has max_length={longest!r} and padding={padding!r}")
        name = there.get("tokenizer_name")
        given = {"tokenizer_max_length": longest, "pad_language_to": padding}
        return self.model_copy(update=given | {"tokenizer_name": None if name == self.vlm_model_name else name})

    # -- the policy -----------------------------------------------------------------------------------------------

    def skeleton(self, statistics: Statistics) -> SmolVla:
        self.check_features()
        from understudy.policies.smolvla.model import SmolVla

        return SmolVla(self, statistics)

    def build(self, statistics: Statistics) -> SmolVla:
        policy = self.skeleton(statistics)
        policy.start()
        return policy

    def fetch(self) -> None:
        from understudy.policies.smolvla.source import fetch_vlm, tokenizer_beside

        if self.pretrained_path:
            # what is on the Hub comes with its weights
            if (folder := Path(self.pretrained_path)).is_dir():
                tokenizer_beside(folder, self)
            return
        if not self.load_vlm_weights and not self.from_scratch:
            raise ConfigError(
                "--policy.type=smolvla without weights starts from scratch: from a random vision-language model that "
                "has never seen a picture or read a word"
                + (", and is not trained either" if self.train_expert_only else ""),
                where="--policy.type=smolvla",
                hint="fine-tune SmolVLA: --policy.path=lerobot/smolvla_base; a new expert beside a trained model: "
                "--policy.load_vlm_weights=true; to go on all the same: --policy.from_scratch=true",
            )
        fetch_vlm(self, weights=self.load_vlm_weights)

    def optimizer_preset(self) -> OptimizerPreset:
        return OptimizerPreset(
            type="adamw",
            lr=self.optimizer_lr,
            betas=self.optimizer_betas,
            eps=self.optimizer_eps,
            weight_decay=self.optimizer_weight_decay,
            grad_clip_norm=self.optimizer_grad_clip_norm,
        )

    def scheduler_preset(self) -> dict[str, Any] | None:
        return {
            "type": "cosine_decay_with_warmup",
            "num_warmup_steps": self.scheduler_warmup_steps,
            "num_decay_steps": self.scheduler_decay_steps,
            "peak_lr": self.optimizer_lr,
            "decay_lr": self.scheduler_decay_lr,
        }

    @classmethod
    def tiny(cls) -> Self:
        return cls(
            preset="tiny",
            from_scratch=True,
            input_features={
                IMAGES + "front": Feature(type=FeatureType.VISUAL, shape=(3, 48, 64)),
                IMAGES + "wrist": Feature(type=FeatureType.VISUAL, shape=(3, 64, 48)),
                STATE: Feature(type=FeatureType.STATE, shape=(6,)),
            },
            output_features={ACTION: Feature(type=FeatureType.ACTION, shape=(6,))},
            device="cpu",
            chunk_size=5,
            n_action_steps=5,
            train_expert_only=True,
            freeze_vision_encoder=True,
        )
