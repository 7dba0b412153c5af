"""Pretrained image backbones: fetched once from the Hub as safetensors, or read from a local file."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from understudy.core.errors import CheckpointError, ConfigError
from understudy.nn.weights import read_safetensors
from understudy.policies.backbone_names import check_weights_name
from understudy.policies.hub_file import hub_file

WITHOUT = "--policy.pretrained_backbone_weights=null starts from random weights"


def pretrained_file(backbone: str, weights: str) -> Path:
    """The local copy of the named weights, downloaded on first use into huggingface_hub's cache.

    Raises ConfigError when it is not there and cannot be fetched.
    """
    return hub_file(
        check_weights_name(backbone, weights),
        "model.safetensors",
        what=f"the pretrained weights of {backbone} ({weights})",
        where="--policy.pretrained_backbone_weights",
        instead=f"give --policy.pretrained_backbone_weights=/path/to/model.safetensors; or {WITHOUT}",
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a local weights file. Raises ConfigError when it is absent, torn, or a pickle."""
    try:
        return read_safetensors(path)
    except CheckpointError as error:
        hint = error.hint or "give a complete safetensors file with torchvision's parameter names"
        raise ConfigError(
            f"the backbone weights cannot be read: {error.what}", where=str(path), hint=f"{hint}; or {WITHOUT}"
        ) from error


def take(backbone: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Copy `weights` into `backbone`. Raises ConfigError, naming the first differences, unless they fit exactly."""
    wanted = {name: tuple(tensor.shape) for name, tensor in backbone.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    if wrong:
        shown = "; ".join(f"{n}: wanted {wanted.get(n, 'nothing')}, found {found.get(n, 'nothing')}" for n in wrong[:5])
        raise ConfigError(
            f"the file does not hold the weights of this backbone: {len(wrong)} tensors differ ({shown})",
            where=str(path),
            hint="torchvision's names are expected, and the file must belong to --policy.vision_backbone",
        )
    backbone.load_state_dict(weights)
