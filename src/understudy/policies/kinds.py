"""What a folder is that somebody calls a checkpoint: a policy of a known era, or something that only looks like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.core.errors import CheckpointError
from understudy.core.files import json_or_empty
from understudy.core.lerobot_policies import LEROBOT_POLICIES
from understudy.core.registry import POLICY_CONFIGS

OWN_FILE = "understudy.json"
WEIGHTS = "model.safetensors"
# what stands for the weights where an adapter was trained
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

_REMOTE = frozenset({"vllm"})


def unusable_type(config: dict[str, Any]) -> str | None:
    """Why a `config.json` of this type cannot be run here, or None when it can."""
    kind = config.get("type")
    if kind in POLICY_CONFIGS:
        return None
    known = ", ".join(sorted(POLICY_CONFIGS))
    if kind is None and ("input_shapes" in config or "input_normalization_modes" in config):
        return "this is a configuration of early 2025, before policies were written with their type; it is not read"
    if not isinstance(kind, str):
        return "config.json does not say which policy this is: the key `type` is missing"
    if kind in _REMOTE:
        return f"`{kind}` is a client of a remote model: the folder holds its address, no policy"
    if kind.startswith("sarm") or "reward" in kind:
        return f"`{kind}` is a reward model: it judges episodes and gives no actions"
    if kind in LEROBOT_POLICIES:
        return f"`{kind}` is a policy of LeRobot that cannot be run here yet; known here: {known}"
    return f"`{kind}` is no policy that is known here or in LeRobot; known here: {known}"


def era_of(folder: Path, config: dict[str, Any], own: dict[str, Any], has_processors: bool) -> str:
    """Which program wrote the checkpoint, as far as its files tell."""
    if own:
        return f"{own.get('writer', 'understudy')} (layout of LeRobot 0.4)"
    if "type" not in config:
        return "LeRobot before May 2025"
    if not has_processors:
        return "LeRobot 0.3 or earlier"
    train_config = folder / "train_config.json"
    newer = {"env_eval_freq", "reward_model", "checkpoint_format"}
    if "pretrained_revision" in config or (train_config.exists() and newer & set(_keys(train_config))):
        return "LeRobot 0.6"
    return "LeRobot 0.4 or 0.5"


def missing_weights(folder: Path) -> str | None:
    """Why there are no weights to load, or None when they are there."""
    if (folder / WEIGHTS).is_file():
        return None
    if (folder / ADAPTER_CONFIG).exists():
        return "the folder holds an adapter, which has no weights without the policy that it belongs to"
    # here, because naming a policy's kind has to work before torch is imported
    from understudy.nn.weights import PICKLE_SUFFIXES

    pickles = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in PICKLE_SUFFIXES)
    if pickles:
        return f"the weights are a pickle ({pickles[0]}), which can run any code when it is read; it is not opened"
    return f"there are no weights: {WEIGHTS} is missing"


def refuse_without_config(folder: Path) -> CheckpointError:
    """The error for a folder without `config.json`: what it is instead, if that can be told."""
    where = str(folder)
    if not folder.is_dir():
        return CheckpointError("there is no such folder", where=where)
    if (folder / WEIGHTS).exists():
        return CheckpointError(
            f"{WEIGHTS} is there, but config.json is missing, without which it means nothing", where=where
        )
    inside = sorted(str(p.parent.relative_to(folder)) for p in folder.glob("*/config.json"))
    if inside:
        return CheckpointError(
            "this folder is no checkpoint, but holds some", where=where, hint=f"give one of {', '.join(inside)}"
        )
    documents = {path.name: json_or_empty(path) for path in sorted(folder.glob("*.json"))}
    training = [f"{n} ({d['policy'].get('type')})" for n, d in documents.items() if isinstance(d.get("policy"), dict)]
    if training:
        return CheckpointError(
            f"this is no checkpoint: it holds training configurations without weights: {', '.join(training)}",
            where=where,
            hint="`understudy train --config_path=FILE` trains by such a file",
        )
    steps = [name for name, document in documents.items() if isinstance(document.get("steps"), list)]
    if steps:
        return CheckpointError(
            f"this is no checkpoint: it holds {len(steps)} descriptions of processors ({steps[0]} and so on)",
            where=where,
        )
    if any("policy:" in path.read_text(errors="replace") for path in folder.glob("*.yaml")):
        return CheckpointError(
            "these are LeRobot's Hydra configurations (YAML, before January 2025), which no program reads any more",
            where=where,
            hint="write the options as flags of `understudy train`",
        )
    return CheckpointError("this is no checkpoint: config.json is missing", where=where)


def _keys(path: Path) -> list[str]:
    return list(json_or_empty(path))
