"""Where a run trains an adapter in the place of its policy's weights: a new one, or one that a checkpoint holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy.core.errors import ConfigError
from understudy.policies.adapter import add_adapter, require_peft
from understudy.policies.adapter_files import base_of, holds_adapter
from understudy.policies.places import find_checkpoint

if TYPE_CHECKING:
    from understudy.policies.base import Policy

    from .config import TrainConfig


def check_adapter(config: TrainConfig) -> None:
    """Raises ConfigError or CheckpointError, before any long work, where the adapter asked for cannot be had."""
    source = config.policy.pretrained_path
    if config.peft is None and not config.policy.use_peft:
        if source and Path(source).is_dir() and holds_adapter(Path(source)):
            raise ConfigError("the checkpoint holds an adapter", where="--policy.use_peft=false", hint=_merged(source))
        return
    require_peft()
    if config.peft is not None:
        config.peft.peft_json(config.policy)
    if source and Path(source).is_dir():  # what is on the Hub comes with its weights
        _check_kind(config, source, adapter=holds_adapter(Path(source)))
        if config.peft is None:
            base_of(Path(source))


def begin_adapter(config: TrainConfig, policy: Policy) -> None:
    """Put the adapter that `--peft` describes into a policy that holds its weights; nothing where there is none."""
    if config.peft is None and not config.policy.use_peft:
        return
    source = str(config.policy.pretrained_path)
    _check_kind(config, source, adapter=policy.adapter is not None)
    if config.peft is None:
        return
    add_adapter(policy, config.peft.peft_json(config.policy), find_checkpoint(source), source)


def _check_kind(config: TrainConfig, source: str, *, adapter: bool) -> None:
    """Raises ConfigError unless the checkpoint `source` is what the adapter asked for can begin at."""
    if config.peft is not None and adapter:
        raise ConfigError(
            "a new adapter belongs beside weights, and this checkpoint holds an adapter itself",
            where=source,
            hint=f"leave out --peft to train that one on, or {_merged(source)}",
        )
    if config.peft is None and not adapter:
        raise ConfigError(
            "policy.use_peft=true goes on with the adapter of a checkpoint, and this one holds none",
            where=source,
            hint="--peft.method_type=LORA begins a new one",
        )


def _merged(source: str) -> str:
    return f"add it to its weights first: understudy merge {source} FOLDER, and --policy.path=FOLDER"
