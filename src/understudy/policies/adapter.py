"""An adapter in a policy: a few trained numbers beside weights that stay as they are (LoRA, Hu et al., 2021).

The arithmetic and both files are those of the package peft, which is imported here when there is an adapter and not
before: it brings transformers along. peft puts its layers in the place of the policy's, so the policy stays what it is,
with `policy.adapter` to save, to restore, or to add to the weights for good.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from understudy.core.errors import CheckpointError, ConfigError, UnderstudyError, first_line
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.adapter_files import fingerprint_of_weights, read_adapter_config
from understudy.policies.kinds import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from understudy.policies.weight_fit import as_table, misfits

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel

    from understudy.policies.base import Policy

# what peft raises for options that do not go together, or not with this network
_PEFT_ERRORS = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, ImportError, RuntimeError)


class Adapter:
    """What peft put into `policy`.

    base   what is written down about the weights that it belongs to: path and SHA-256
    """

    def __init__(self, policy: Policy, config: PeftConfig, base: Mapping[str, str]) -> None:
        from peft import PeftModel

        self.base = dict(base)
        self._policy = policy
        # as peft leaves everything frozen but its own; wanted again when there is no adapter any more
        self._trained = {name: p.requires_grad for name, p in policy.named_parameters()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft wonders at models that are not transformers'
            self._model: PeftModel = PeftModel(policy, config)
        policy.adapter = self
        policy.config = policy.config.model_copy(update={"use_peft": True})
        policy.trained_parts_changed()

    def tensors(self) -> dict[str, torch.Tensor]:
        """What is trained, by the names in peft's file."""
        from peft import get_peft_model_state_dict

        # it would otherwise ask the Hub whether the base's vocabulary has grown
        found: dict[str, torch.Tensor] = get_peft_model_state_dict(self._model, save_embedding_layers=False)
        return found

    def write(self, folder: Path) -> None:
        """Write peft's two files. Raises DiskFull."""
        # peft's own way of writing leaves sets in an order that differs from process to process
        values = {**self._model.peft_config["default"].to_dict(), "inference_mode": True}
        plain = {name: sorted(value) if isinstance(value, set) else value for name, value in sorted(values.items())}
        (folder / ADAPTER_CONFIG).write_text(json.dumps(plain, indent=2))
        write_safetensors(folder / ADAPTER_WEIGHTS, self.tensors(), metadata={"format": "pt"})

    def read(self, folder: Path) -> None:
        """Take in what `write` left. Raises CheckpointError, and changes nothing, unless every tensor fits."""
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(self._model, self.stored(folder))

    def stored(self, folder: Path) -> dict[str, torch.Tensor]:
        """What `write` left. Raises CheckpointError unless every tensor fits."""
        found = read_safetensors(folder / ADAPTER_WEIGHTS)
        wanted = {name: tuple(tensor.shape) for name, tensor in self.tensors().items()}
        differences = misfits(wanted, {name: tuple(tensor.shape) for name, tensor in found.items()})
        if differences:
            raise CheckpointError(
                f"the adapter does not fit the policy that it is to be put into\n{as_table(differences)}",
                where=str(folder / ADAPTER_WEIGHTS),
                hint="it was trained on a policy of other sizes, or the files of two adapters were mixed",
            )
        return found

    def merge(self) -> None:
        """Add what was trained to the weights: the same policy up to rounding, without an adapter."""
        policy = self._policy
        self._model.merge_and_unload()
        for name, parameter in policy.named_parameters():
            parameter.requires_grad_(self._trained[name])
        policy.adapter = None
        policy.config = policy.config.model_copy(update={"use_peft": False})
        policy.trained_parts_changed()


def add_adapter(policy: Policy, options: Mapping[str, Any], base: Path, named: str) -> None:
    """Put a new adapter into `policy`, all of whose own weights are frozen from now on.

    options   of peft's configuration, with `peft_type`
    base      the folder that the policy's weights came from
    named     what that folder was called, a path or a repository on the Hub: it is written down

    Raises ConfigError for options that peft does not take, or that match nothing in this policy.
    """
    require_peft()
    record = {"weights_sha256": fingerprint_of_weights(base)}
    try:
        Adapter(policy, _config({**options, "base_model_name_or_path": named}), record)
    except UnderstudyError:
        raise
    except _PEFT_ERRORS as error:
        raise ConfigError(
            f"no adapter can be made of this: {first_line(error)}", where="--peft", hint=_hint(policy, options)
        ) from error


def restore_adapter(policy: Policy, folder: Path, base: Mapping[str, str]) -> None:
    """Put the adapter in `folder` into `policy`, which holds the weights that it belongs to.

    base   what is written down about these

    Raises CheckpointError for an adapter of another policy, ConfigError without the package peft.
    """
    empty_adapter(policy, folder, base).read(folder)


def empty_adapter(policy: Policy, folder: Path, base: Mapping[str, str]) -> Adapter:
    """An adapter like that in `folder`, put into `policy`, with random numbers. Arguments and errors as above."""
    values = read_adapter_config(folder)
    require_peft()
    try:
        # a record of how it was last loaded; here it is what is trained or about to be
        return Adapter(policy, _config({**values, "inference_mode": False}), base)
    except _PEFT_ERRORS as error:
        raise CheckpointError(
            f"the adapter cannot be put into this policy: {first_line(error)}",
            where=str(folder / ADAPTER_CONFIG),
            hint="is it an adapter of this policy?",
        ) from error


def require_peft() -> None:
    """Raises ConfigError unless the package is there."""
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"adapters need the package peft ({first_line(error)})", hint="pip install 'understudy[lora]'"
        ) from error


def _config(values: dict[str, Any]) -> PeftConfig:
    from peft import PeftConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of options that a newer peft wrote and this one does not have
        config: PeftConfig = PeftConfig.from_peft_type(**values)
    return config


def _hint(policy: Policy, options: Mapping[str, Any]) -> str:
    """The layers an adapter could be put beside, in so far as they can be told in a line."""
    kinds = sorted({name.rpartition(".")[2] for name, m in policy.named_modules() if isinstance(m, torch.nn.Linear)})
    return (
        f"--peft.target_modules={options.get('target_modules')}; this policy's linear layers end in {', '.join(kinds)}"
    )
