"""TinyPi0FastConfig: the options of tiny pi0-FAST. Presets: `modern` (ours), `original` (the study's, flaws on)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from understudy.data.spec import ACTION, STATE, FeatureType, Statistics
from understudy.policies.config import Feature
from understudy.policies.state_policy import StatePolicyConfig

if TYPE_CHECKING:
    from understudy.policies.tiny_pi0_fast.model import TinyPi0Fast

# github.com/ruiming-wu/FAST_Flow_Matching, as its weight files have it
ORIGINAL: dict[str, Any] = {
    "chunk_size": 50,
    "n_action_steps": 50,
    "normalization_mapping": {"STATE": "IDENTITY", "ACTION": "IDENTITY"},
    "tokens": "merged",
    "dct_scale": 10.0,
    "dim_model": 128,
    "n_heads": 4,
    "dim_feedforward": 256,
    "n_layers": 4,
    "n_state_layers": 0,
    "pre_norm": False,
    "state_conditioning": "cross_attention",
    "dropout": 0.1,
    "state_dropout": 0.1,
    "logit_dropout": 0.1,
    "initialization": "xavier",
    "optimizer_lr": 2e-4,
    "optimizer_weight_decay": 0.01,
    "schedule": "reduce_on_plateau",
}


class TinyPi0FastConfig(StatePolicyConfig):
    """Writes a chunk as tokens of its cosine transform, one after the other, given the state."""

    type: Literal["tiny_pi0_fast"] = "tiny_pi0_fast"
    tokens: Literal["coefficients", "merged"] = Field(
        "coefficients",
        description="what is written: the rounded coefficients themselves, a few at a time; or entries of a vocabulary "
        "that byte-pair encoding has made of them, until an end is written",
    )
    dct_scale: float = Field(50.0, gt=0, description="integers per unit of a coefficient: the resolution")
    coefficients_per_token: int = Field(
        5, ge=1, description="tokens=coefficients: how many coefficients are written at once, lowest frequencies first"
    )
    input_noise: float = Field(
        0.0,
        ge=0,
        description="tokens=coefficients: noise on what the network reads of its own writing while it is trained, in "
        "standard deviations of each coefficient",
    )
    vocabulary_size: int = Field(256, ge=6, description="tokens=merged: entries of the vocabulary, 4 specials included")
    max_tokens: int = Field(25, ge=3, description="tokens=merged: longest sequence, its begin and end included")
    dim_model: int = Field(64, ge=1, description="width of the transformer; divisible by n_heads")
    n_heads: int = Field(4, ge=1, description="attention heads")
    dim_feedforward: int = Field(128, ge=1, description="width of the feed-forward parts")
    n_layers: int = Field(2, ge=1, description="layers of the transformer")
    n_state_layers: int = Field(
        2, ge=0, description="hidden layers of the network that reads the state; 0: one linear map"
    )
    dim_state: int = Field(256, ge=1, description="width of these layers")
    pre_norm: bool = Field(True, description="norms before instead of after each part of the transformer")
    state_conditioning: Literal["every_token", "cross_attention"] = Field(
        "every_token",
        description="how the state is seen: added to every token; or as the one token of a cross-attention, two thirds "
        "of whose weights have no effect",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="in the transformer")
    state_dropout: float = Field(0.0, ge=0, lt=1, description="on the state's token: at times the state is not seen")
    logit_dropout: float = Field(
        0.0, ge=0, lt=1, description="tokens=merged: on the logits, those of the right tokens included"
    )
    initialization: Literal["torch", "xavier"] = Field(
        "torch", description="fresh weights: torch's own, or Glorot's on every matrix, embeddings included"
    )
    past_the_end: Literal["skip", "hold"] = Field(
        "skip",
        description="windows that reach past the end of their episode: left out of the loss, or trained with the last "
        "action held",
    )
    temperature: float = Field(0.0, ge=0, description="0: write the likeliest tokens; above: draw them")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"modern": {}, "original": ORIGINAL}

    @model_validator(mode="after")
    def _fits_together(self) -> TinyPi0FastConfig:
        if self.dim_model % self.n_heads:
            raise ValueError(f"dim_model ({self.dim_model}) must be divisible by n_heads ({self.n_heads})")
        if self.logit_dropout and self.tokens == "coefficients":
            raise ValueError("logit_dropout needs tokens=merged: bells have no logits")
        return self

    # -- features -------------------------------------------------------------------------------------------------

    @property
    def dims(self) -> int:
        """Numbers in an action."""
        return self.output_features[ACTION].shape[0]

    @property
    def coefficients(self) -> int:
        """Coefficients of a chunk."""
        return self.chunk_size * self.dims

    @property
    def places(self) -> int:
        """Tokens of a chunk when each is `coefficients_per_token` coefficients; the last may be part empty."""
        return -(-self.coefficients // self.coefficients_per_token)

    # -- the policy -----------------------------------------------------------------------------------------------

    def skeleton(self, statistics: Statistics) -> TinyPi0Fast:
        self.check_features()
        from understudy.policies.tiny_pi0_fast.model import TinyPi0Fast

        return TinyPi0Fast(self, statistics)

    @classmethod
    def tiny(cls) -> TinyPi0FastConfig:
        return cls(
            input_features={STATE: Feature(type=FeatureType.STATE, shape=(4,))},
            output_features={ACTION: Feature(type=FeatureType.ACTION, shape=(2,))},
            device="cpu",
            chunk_size=4,
            n_action_steps=4,
            coefficients_per_token=3,
            dim_model=8,
            n_heads=2,
            dim_feedforward=16,
            n_layers=1,
            dim_state=16,
        )
