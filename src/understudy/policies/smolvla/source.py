"""Where SmolVLA's vision-language model comes from: its sizes, its tokenizer, and its pretrained weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from understudy.core.errors import CheckpointError, ConfigError
from understudy.nn.text_tokens import TOKENIZER, TOKENIZER_CONFIG, TextTokenizer, byte_tokenizer, read_tokenizer
from understudy.nn.weights import read_safetensors
from understudy.policies.hub_file import hub_file
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.vlm import TINY, VlmShape, known_shape, shape_from

WEIGHTS = "model.safetensors"
# where LeRobot 0.6 keeps a policy's tokenizer, beside its weights
TOKENIZER_FOLDER = "tokenizer"
_OPTION = "--policy.vlm_model_name"
_WHAT = {
    "config.json": "the sizes of the vision-language model",
    TOKENIZER: "the tokenizer",
    TOKENIZER_CONFIG: "the tokenizer's settings",
    WEIGHTS: "the weights of the vision-language model",
}


def fetch_vlm(config: SmolVlaConfig, *, weights: bool) -> None:
    """Bring here what a policy from scratch needs. Raises ConfigError when it cannot be had."""
    tokenizer_of(config)
    shape_of(config)
    if weights:
        _file(config.vlm_model_name, WEIGHTS)


def shape_of(config: SmolVlaConfig) -> VlmShape:
    """The sizes of the model. Raises ConfigError when they cannot be had."""
    known = config.vlm or known_shape(config.vlm_model_name)
    return known or shape_from(_file(config.vlm_model_name, "config.json"), tokenizer_of(config).added_tokens)


def tokenizer_of(config: SmolVlaConfig) -> TextTokenizer:
    """The policy's tokenizer. Raises ConfigError when it cannot be had."""
    name = config.tokenizer_name or config.vlm_model_name
    if name == TINY:
        return byte_tokenizer(["<pad>", "<fake_token_around_image>", "<global-img>"])
    try:
        if not Path(name).expanduser().is_dir():
            _file(name, TOKENIZER_CONFIG)
        return read_tokenizer(_file(name, TOKENIZER).parent)
    except CheckpointError as error:
        raise ConfigError(error.what, where=error.where, hint=f"{_OPTION} names another one") from error


def tokenizer_beside(folder: Path, config: SmolVlaConfig) -> TextTokenizer:
    """The tokenizer of the checkpoint in `folder`; that of its vision-language model where it has none (LeRobot 0.4's).

    Raises CheckpointError when neither can be had, saying what to put where.
    """
    own, name = folder / TOKENIZER_FOLDER, config.tokenizer_name or config.vlm_model_name
    place = "another checkpoint of this policy" if name == TINY else f"https://huggingface.co/{name}/tree/main"
    hint = f"put {TOKENIZER} and {TOKENIZER_CONFIG} of {place} into {own}"
    if own.is_dir():
        try:
            return read_tokenizer(own)
        except CheckpointError as error:
            error.hint = error.hint or hint
            raise
    try:
        return tokenizer_of(config)
    except ConfigError as error:
        what = f"the checkpoint has no tokenizer of its own: {error.what}"
        raise CheckpointError(what, where=str(folder), hint=hint) from error


def vlm_weights(name: str, wanted: Iterable[str]) -> dict[str, Tensor]:
    """The pretrained tensors that are `wanted`, by the model's own names; layers that are not kept stay in the file.

    Raises ConfigError when they cannot be had, CheckpointError for a file that is damaged or no safetensors.
    """
    tensors = read_safetensors(_file(name, WEIGHTS))
    return {key: tensors[key] for key in wanted if key in tensors}


def _file(name: str, file: str) -> Path:
    if name == TINY:
        raise ConfigError("the tiny model has no pretrained weights", where="--policy.load_vlm_weights")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / file).is_file():
            raise ConfigError(f"{_WHAT[file]} is not in this folder: {file} is missing", where=f"{_OPTION}={name}")
        return folder / file
    by_hand = f"put {TOKENIZER}, {TOKENIZER_CONFIG}, config.json and, for pretrained weights, {WEIGHTS}"
    instead = f"{by_hand} into a folder that {_OPTION} names"
    return hub_file(name, file, what=_WHAT[file], where=f"{_OPTION}={name}", instead=instead)
