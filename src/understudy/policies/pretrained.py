"""Policies on disk, in LeRobot's layout: what is saved here runs there, and what was trained there runs here.

    config.json                 LeRobot 0.4.4's options, exactly its keys
    model.safetensors           every entry of the state dict, float32; what is frozen and came in bfloat16 stays so
    policy_preprocessor.json, policy_postprocessor.json and their statistics
    understudy.json             our own options and who wrote this; LeRobot does not look at it
    adapter_config.json, adapter_model.safetensors    in the place of the weights where an adapter was trained
    ...                         what else the policy needs, such as a tokenizer (`Policy.own_files`)
    train_config.json           how it was trained

Read are checkpoints of LeRobot's eras 0.3 (statistics among the weights), 0.4 to 0.5 and 0.6. Nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

import understudy
from understudy.core.errors import CheckpointError, ConfigError, StatisticMissing
from understudy.core.files import folder_written_atomically
from understudy.data.spec import FeatureType, Statistics
from understudy.nn.devices import choose_device
from understudy.nn.weights import read_safetensors, tensor_shapes, write_safetensors
from understudy.policies.adapter_files import base_of, holds_adapter
from understudy.policies.base import Policy
from understudy.policies.checkpoint_config import (
    OWN_FORMAT,
    parse_config,
    read_config_json,
    read_own_json,
    with_processors,
)
from understudy.policies.config import PolicyConfig
from understudy.policies.kinds import OWN_FILE, WEIGHTS, missing_weights
from understudy.policies.migration import is_statistic, old_statistics, plain_name, without_compiler_names
from understudy.policies.places import find_checkpoint
from understudy.policies.processors import read_processors, write_processors
from understudy.policies.weight_fit import check_fit


def save_pretrained(
    policy: Policy,
    folder: str | Path,
    *,
    train_config: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Write the policy into the new folder `folder`, all or nothing.

    train_config   the complete training configuration, kept beside the weights; its `rename_map` goes to LeRobot's
                   preprocessor, so that a robot may call its cameras what the dataset called them
    extra          further entries of `understudy.json`

    Raises ConfigError when the folder exists, DiskFull.
    """
    folder = Path(folder)
    if folder.exists():
        raise ConfigError("a policy is saved into a folder of its own, but this one exists", where=str(folder))
    if any(p.dtype != torch.float32 for p in policy.parameters()):
        raise ConfigError("a policy that predicts in bf16 has lost digits, and is not saved", where=str(folder))
    rename_map = {**policy.rename_map, **((train_config or {}).get("rename_map") or {})}
    own = {"format": OWN_FORMAT, "writer": f"understudy {understudy.__version__}", "policy": policy.config.own_json()}
    with folder_written_atomically(folder) as temporary:
        _write_json(temporary / "config.json", policy.config.lerobot_json())
        if policy.adapter is not None:
            own["base"] = policy.adapter.base
        _write_json(temporary / OWN_FILE, {**own, **(extra or {})})
        if train_config is not None:
            _write_json(temporary / "train_config.json", train_config)
        for name, content in policy.own_files().items():
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_text(content)
        write_processors(temporary, policy.config, policy.normalizer.statistics, rename_map)
        if policy.adapter is not None:
            policy.adapter.write(temporary)
        else:
            write_safetensors(temporary / WEIGHTS, _stored(policy))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4))


def _stored(policy: Policy) -> dict[str, Tensor]:
    """Every entry of the state dict in float32; what is frozen in bfloat16 where that holds every digit of it.

    A large model that is not trained comes in bfloat16 and would take twice the room.
    """
    stored = {n: t.detach().float() if t.is_floating_point() else t for n, t in policy.state_dict().items()}
    frozen = {n: stored[n].bfloat16() for n, p in policy.named_parameters() if not p.requires_grad}
    return stored | (frozen if all(torch.equal(t.float(), stored[n]) for n, t in frozen.items()) else {})


def load_policy(
    path: str | Path,
    device: str = "auto",
    *,
    statistics: Statistics | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    adapter: Literal["merged", "apart"] = "merged",
) -> Policy:
    """The policy at `path`, in eval mode, on `device`.

    path         a `pretrained_model` folder, a step or run folder (its last checkpoint), or `owner/name` on the Hub
    statistics   used instead of the checkpoint's own
    precision    "bf16": for predicting only, see `Policy.predict_in_bf16`
    adapter      "merged": an adapter is added to the weights that it belongs to, and the policy is one like any other;
                 "apart": it stays beside them and can be trained on

    Raises CheckpointError for what is no checkpoint, is damaged, or does not fit its configuration; StatisticMissing
    when a feature has to be normalised and nothing says how; ConfigError for a device that is not there, and for an
    adapter without the package that it needs.
    """
    chosen = choose_device(device)
    folder = find_checkpoint(path)
    own = read_own_json(folder)
    config = parse_config(read_config_json(folder), own, folder)
    processors = read_processors(folder)
    if processors is not None:
        config = with_processors(config, processors, folder)
    of_weights = base_of(folder, own.get("base")) if holds_adapter(folder) else folder
    weights = _read_weights(of_weights)
    config = config.model_copy(update={"device": str(chosen)})
    try:
        if statistics is None and processors is not None:
            statistics = processors.statistics
        elif statistics is None:
            statistics = old_statistics(weights, [*config.input_features, *config.output_features])
        policy = config.skeleton(statistics)
    except StatisticMissing as error:
        error.where = error.where or str(folder)
        raise
    policy.rename_map = dict(processors.rename_map) if processors is not None else {}
    _fill(policy, weights, of_weights)
    if holds_adapter(folder):
        _restore_adapter(policy, folder, own)
        if adapter == "merged" and policy.adapter is not None:
            policy.adapter.merge()
    policy.to(chosen).eval()
    if precision == "bf16":
        policy.predict_in_bf16()
    return policy


def load_weights_into(policy: Policy, path: str | Path) -> None:
    """Replace the policy's weights by those of a checkpoint (see `load_policy`), and with them what belongs to them
    (`Policy.own_files`); its statistics stay as they are.

    An adapter is read into that of the policy; a policy without one is given it, with the weights that it belongs to.

    Raises CheckpointError, and changes nothing, unless every tensor and file fits.
    """
    folder = find_checkpoint(path)
    if not holds_adapter(folder):
        _fill(policy, _read_weights(folder), folder)
    elif policy.adapter is not None:
        policy.adapter.read(folder)
    else:
        own = read_own_json(folder)
        base = base_of(folder, own.get("base"))
        _fill(policy, _read_weights(base), base)
        _restore_adapter(policy, folder, own)


def _restore_adapter(policy: Policy, folder: Path, own: Mapping[str, Any]) -> None:
    # here, because most policies have none, and torch's users need not wait for what it imports
    from understudy.policies.adapter import restore_adapter

    if own:
        policy.read_own_files(folder)  # what another program wrote has its files beside the base alone
    restore_adapter(policy, folder, own.get("base") or {})


def statistics_of(path: str | Path, config: PolicyConfig) -> Statistics:
    """The statistics that a checkpoint normalises by, for a policy with the features of `config`.

    Raises CheckpointError when it stores none, ConfigError when they are of another shape.
    """
    folder = find_checkpoint(path)
    processors = read_processors(folder)
    if processors is None or not processors.statistics:
        raise CheckpointError(
            "the policy stores no statistics", where=str(folder), hint="leave out --dataset.statistics=policy"
        )
    for name, feature in {**config.input_features, **config.output_features}.items():
        shape = (3, 1, 1) if feature.type is FeatureType.VISUAL else feature.shape
        for key, value in processors.statistics.get(name, {}).items():
            if key != "count" and value.shape != shape:
                raise ConfigError(
                    f"the policy's statistic `{key}` of `{name}` has the shape {value.shape}, the dataset's {shape}",
                    where="--dataset.statistics=policy",
                    hint="leave it out: statistics are then those of the episodes trained on",
                )
    return processors.statistics


def check_weights(config: PolicyConfig, path: str | Path) -> None:
    """Raises CheckpointError unless a policy of this configuration can take the weights of the checkpoint at `path`.

    Reads names and shapes alone, so it takes no time; weights that are on the Hub are fetched for it.
    """
    folder = find_checkpoint(path)
    with torch.device("meta"):
        policy = config.skeleton(config.fake_statistics())
    of_weights = base_of(folder) if holds_adapter(folder) else folder
    check_fit(policy, stored_shapes(of_weights), of_weights)


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of everything in `model.safetensors` but old normalisation buffers. Raises CheckpointError."""
    _check_there(folder)
    stored = {plain_name(name): shape for name, shape in tensor_shapes(folder / WEIGHTS).items()}
    return {name: shape for name, shape in stored.items() if not is_statistic(name)}


def _check_there(folder: Path) -> None:
    if (reason := missing_weights(folder)) is not None:
        hint = f"they have to be in {WEIGHTS}; whoever trusts a pickle can convert it with safetensors.torch.save_file"
        raise CheckpointError(reason, where=str(folder), hint=hint)


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """Everything in `model.safetensors`, old normalisation buffers included."""
    _check_there(folder)
    return without_compiler_names(read_safetensors(folder / WEIGHTS))


def _fill(policy: Policy, weights: dict[str, Tensor], folder: Path) -> None:
    check_fit(policy, {name: tuple(tensor.shape) for name, tensor in weights.items()}, folder)
    wanted = policy.state_dict().keys()
    policy.read_own_files(folder)
    with torch.no_grad():
        policy.load_state_dict({name: tensor for name, tensor in weights.items() if name in wanted})
