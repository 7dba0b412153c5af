"""TinyPi0Config: options of tiny pi0. Two presets: `modern` (ours) and `original` (the study's network, flaws on)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from understudy.data.spec import ACTION, STATE, FeatureType, Statistics
from understudy.policies.config import Feature
from understudy.policies.state_policy import StatePolicyConfig

if TYPE_CHECKING:
    from understudy.policies.tiny_pi0.model import TinyPi0

# github.com/ruiming-wu/FAST_Flow_Matching, as its weight files have it
ORIGINAL: dict[str, Any] = {
    "chunk_size": 50,
    "n_action_steps": 50,
    "normalization_mapping": {"STATE": "IDENTITY", "ACTION": "IDENTITY"},
    "actions_per_token": 1,
    "dim_model": 128,
    "n_heads": 4,
    "dim_feedforward": 256,
    "n_layers": 4,
    "n_state_layers": 0,
    "pre_norm": False,
    "causal": True,
    "time_embedding": "linear",
    "dropout": 0.1,
    "initialization": "xavier",
    "prediction": "velocity",
    "per_action_time": True,
    "noise": "fixed",
    "draws_per_window": 1,
    "noise_scale": 1.0,
    "temperature": 1.0,
    "optimizer_lr": 2e-4,
    "optimizer_weight_decay": 0.01,
    "optimizer_grad_clip_norm": 0.0,
    "schedule": "reduce_on_plateau",
}


class TinyPi0Config(StatePolicyConfig):
    """Flow matching: chunks of actions are drawn by following a learnt velocity from noise, given the state."""

    type: Literal["tiny_pi0"] = "tiny_pi0"
    actions_per_token: int = Field(5, ge=1, description="actions that share a token; a divisor of chunk_size")
    dim_model: int = Field(32, ge=2, description="width of the transformer; even, and divisible by n_heads")
    n_heads: int = Field(4, ge=1, description="attention heads")
    dim_feedforward: int = Field(64, ge=1, description="width of the feed-forward parts")
    n_layers: int = Field(1, ge=1, description="layers of the transformer")
    n_state_layers: int = Field(
        2,
        ge=0,
        description="hidden layers of the network that reads the state, once for all steps of a flow; "
        "0: one linear map, and no guess of the chunk from the state alone",
    )
    dim_state: int = Field(256, ge=1, description="width of these layers")
    pre_norm: bool = Field(True, description="norms before instead of after each part of the transformer")
    causal: bool = Field(False, description="a token sees only the tokens before it")
    time_embedding: Literal["sinusoidal", "linear"] = Field(
        "sinusoidal", description="how the network sees the time: by sines and a small network, or as one number"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="in the transformer")
    initialization: Literal["torch", "xavier"] = Field(
        "torch", description="fresh weights: torch's own, or Glorot's on every matrix, embeddings included"
    )
    prediction: Literal["chunk", "velocity"] = Field(
        "chunk", description="what the network gives: the clean chunk, from which the velocity follows, or the velocity"
    )
    per_action_time: bool = Field(
        False, description="each action of a chunk is trained at a time of its own, unlike when predicting"
    )
    noise: Literal["fresh", "fixed"] = Field(
        "fresh", description="noise and time of a window: new in every step, or the same all through the training"
    )
    draws_per_window: int = Field(1, ge=1, description="pairs of noise and time that each window of a batch is given")
    noise_scale: float = Field(
        0.2, gt=0, description="standard deviation of the noise, in those of a normalised action; around the guess"
    )
    temperature: float = Field(
        0.0,
        ge=0,
        description="the noise a prediction starts from is so many times that of training; 1: a draw from what the "
        "demonstrator might do, 0: the middle of it",
    )
    num_inference_steps: int = Field(10, ge=1, description="Euler steps of a prediction")
    optimizer_grad_clip_norm: float = Field(10.0, ge=0, description="largest norm of the gradient; 0: not clipped")

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"modern": {}, "original": ORIGINAL}
    warmup: ClassVar[int] = 200

    @model_validator(mode="after")
    def _fits_together(self) -> TinyPi0Config:
        if self.chunk_size % self.actions_per_token:
            raise ValueError(
                f"chunk_size ({self.chunk_size}) must be divisible by actions_per_token ({self.actions_per_token}); "
                "give actions_per_token=1 too"
            )
        if self.dim_model % self.n_heads or self.dim_model % 2:
            raise ValueError(f"dim_model ({self.dim_model}) must be even and divisible by n_heads ({self.n_heads})")
        if self.per_action_time and self.actions_per_token > 1:
            raise ValueError("per_action_time needs actions_per_token=1: a token has one time")
        if self.per_action_time and self.prediction == "chunk":
            raise ValueError("per_action_time needs prediction=velocity")
        return self

    # -- features -------------------------------------------------------------------------------------------------

    @property
    def tokens(self) -> int:
        """Tokens of a chunk; the state's token is one more."""
        return self.chunk_size // self.actions_per_token

    # -- the policy -----------------------------------------------------------------------------------------------

    def skeleton(self, statistics: Statistics) -> TinyPi0:
        self.check_features()
        from understudy.policies.tiny_pi0.model import TinyPi0

        return TinyPi0(self, statistics)

    @classmethod
    def tiny(cls) -> TinyPi0Config:
        return cls(
            input_features={STATE: Feature(type=FeatureType.STATE, shape=(4,))},
            output_features={ACTION: Feature(type=FeatureType.ACTION, shape=(2,))},
            device="cpu",
            chunk_size=6,
            n_action_steps=6,
            actions_per_token=2,
            dim_model=8,
            n_heads=2,
            dim_feedforward=16,
            n_layers=1,
            dim_state=16,
        )
