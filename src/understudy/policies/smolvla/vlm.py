"""VlmShape: the sizes of the vision-language model inside SmolVLA, and where they are read. Imports no torch.

A model is known by its name on the Hub or by a folder with its files. SmolVLA's usual one is known here by heart, so
that a checkpoint can be built without asking anybody; `tiny` is ours, has random weights and needs no file at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from understudy.core.errors import ConfigError, what_is_wrong

SMOLVLM2 = "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
TINY = "tiny"


class VlmShape(BaseModel):
    """Sizes of a SmolVLM: a vision tower, a shuffle that joins patches, and a language model of Llama's kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_width: int = Field(960, ge=2, description="width of the language model")
    text_mlp: int = Field(2560, ge=1, description="width of its gated layers")
    text_layers: int = Field(32, ge=1, description="its layers, of which num_vlm_layers are kept")
    heads: int = Field(15, ge=1, description="its query heads, and the action expert's")
    kv_heads: int = Field(5, ge=1, description="its heads of keys and values, and the action expert's")
    head_width: int = Field(64, ge=2, description="width of a head")
    text_eps: float = Field(1e-5, gt=0, description="added in its norms")
    vocabulary: int = Field(49280, ge=1, description="its tokens")
    vision_width: int = Field(768, ge=1, description="width of the vision tower")
    vision_mlp: int = Field(3072, ge=1, description="width of its feed-forward parts")
    vision_layers: int = Field(12, ge=1, description="its layers")
    vision_heads: int = Field(12, ge=1, description="its heads")
    vision_eps: float = Field(1e-6, gt=0, description="added in its norms")
    image_size: int = Field(512, ge=1, description="pixels along a side of the pictures its positions are made for")
    patch_size: int = Field(16, ge=1, description="pixels along a side of a patch")
    shuffle: int = Field(4, ge=1, description="so many times as many patches along a side become one token")
    fake_token: int = Field(49189, ge=0, description="token around pictures; used by add_image_special_tokens")
    global_token: int = Field(49152, ge=0, description="token before pictures; used by add_image_special_tokens")

    @model_validator(mode="after")
    def _fits_together(self) -> VlmShape:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.head_width % 2 or self.text_width % 2:
            raise ValueError("head_width and text_width must be even")
        if self.vision_width % self.vision_heads:
            raise ValueError(
                f"vision_width ({self.vision_width}) must be a multiple of vision_heads ({self.vision_heads})"
            )
        if (self.image_size // self.patch_size) % self.shuffle:
            raise ValueError(f"image_size / patch_size must be a multiple of shuffle ({self.shuffle})")
        return self


# about a million parameters with num_vlm_layers=4
TINY_SHAPE: dict[str, Any] = {
    "text_width": 96,
    "text_mlp": 256,
    "text_layers": 4,
    "heads": 6,
    "kv_heads": 2,
    "head_width": 16,
    "vocabulary": 264,
    "vision_width": 64,
    "vision_mlp": 128,
    "vision_layers": 2,
    "vision_heads": 4,
    "image_size": 64,
    "patch_size": 8,
    "shuffle": 2,
    "fake_token": 257,
    "global_token": 258,
}


def known_shape(name: str) -> VlmShape | None:
    """The shape of a model that is known here without its files."""
    return {SMOLVLM2: VlmShape(), TINY: VlmShape(**TINY_SHAPE)}.get(name)


def shape_from(config_json: Path, added_tokens: dict[str, int]) -> VlmShape:
    """The shape that a model's `config.json` describes. Raises ConfigError for one that is not of SmolVLM's kind.

    added_tokens   special token -> its number, from the model's tokenizer
    """
    try:
        values = json.loads(config_json.read_text())
        text, vision = values["text_config"], values["vision_config"]
        heads = text["num_attention_heads"]
        return VlmShape(
            text_width=text["hidden_size"],
            text_mlp=text["intermediate_size"],
            text_layers=text["num_hidden_layers"],
            heads=heads,
            kv_heads=text.get("num_key_value_heads", heads),
            head_width=text.get("head_dim") or text["hidden_size"] // heads,
            text_eps=text.get("rms_norm_eps", 1e-6),
            vocabulary=text["vocab_size"],
            vision_width=vision["hidden_size"],
            vision_mlp=vision["intermediate_size"],
            vision_layers=vision["num_hidden_layers"],
            vision_heads=vision["num_attention_heads"],
            vision_eps=vision.get("layer_norm_eps", 1e-6),
            image_size=vision["image_size"],
            patch_size=vision["patch_size"],
            shuffle=values.get("scale_factor", 2),
            fake_token=added_tokens.get("<fake_token_around_image>", 0),
            global_token=added_tokens.get("<global-img>", 0),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"this is no vision-language model of SmolVLM's kind: {what_is_wrong(error)}",
            where=str(config_json),
            hint=f"--policy.vlm_model_name: {SMOLVLM2}, or a folder with the files of such a model",
        ) from error
