"""The files of an adapter: what stands in a checkpoint for the weights, and where the weights are that it belongs to.

    adapter_config.json         peft's: the method, its sizes, and `base_model_name_or_path`
    adapter_model.safetensors   peft's: what was trained
    understudy.json             beside other things, the fingerprint of the base's weights (`base`)

LeRobot writes the same files, but no fingerprint. Imports neither torch nor peft.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from understudy.core.errors import CheckpointError
from understudy.policies.kinds import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS
from understudy.policies.places import find_checkpoint
from understudy.policies.processors import read_json


def holds_adapter(folder: Path) -> bool:
    """Whether the checkpoint in `folder` holds an adapter in the place of weights."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / WEIGHTS).is_file()


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """`adapter_config.json`. Raises CheckpointError for a file that does not say which method it is of, and of what."""
    file = folder / ADAPTER_CONFIG
    values = read_json(file)
    for key, what in (("peft_type", "which method it is"), ("base_model_name_or_path", "which policy it belongs to")):
        if not isinstance(values.get(key), str) or not values[key]:
            raise CheckpointError(f"the adapter does not say {what}: `{key}` is missing", where=str(file))
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise CheckpointError(f"{ADAPTER_WEIGHTS} is missing", where=str(folder))
    return values


def base_of(folder: Path, known: dict[str, Any] | None = None) -> Path:
    """The folder with the weights that the adapter in `folder` belongs to.

    known   `base` of its understudy.json: with it the weights are read and compared

    Raises CheckpointError when they are gone, or are not those that the adapter was trained with.
    """
    named = read_adapter_config(folder)["base_model_name_or_path"]
    hint = f"put it back, or write where it is now as `base_model_name_or_path` into {folder / ADAPTER_CONFIG}"
    try:
        base = find_checkpoint(named)
    except CheckpointError as error:
        raise CheckpointError(
            f"the policy that this adapter belongs to cannot be had: {error.what}", where=named, hint=hint
        ) from error
    if not (base / WEIGHTS).is_file():
        what = "is an adapter itself" if holds_adapter(base) else f"holds no {WEIGHTS}"
        raise CheckpointError(f"the policy that this adapter belongs to {what}", where=str(base), hint=hint)
    expected = (known or {}).get("weights_sha256")
    if expected is not None and fingerprint_of_weights(base) != expected:
        raise CheckpointError(
            "the weights that this adapter belongs to are not those that it was trained with",
            where=str(base / WEIGHTS),
            hint="bring back the file of then (its SHA-256 is `base` in "
            f"{folder / 'understudy.json'}); an adapter on top of other weights is another policy",
        )
    return base


def fingerprint_of_weights(folder: Path) -> str:
    """SHA-256 of the weights in `folder`."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
