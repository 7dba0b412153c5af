"""An adapter and the weights that it belongs to -> one checkpoint with weights of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.core.errors import ConfigError
from understudy.core.files import check_place, json_or_empty
from understudy.policies.adapter_files import holds_adapter
from understudy.policies.places import find_checkpoint
from understudy.policies.pretrained import load_policy, save_pretrained


def merge_adapter(source: str | Path, target: Path) -> None:
    """Write the policy at `source` (see `load_policy`), whose adapter becomes part of its weights, into `target`.

    Raises ConfigError where there is no adapter or `target` exists, and what `load_policy` raises; DiskFull.
    """
    if target.exists():
        raise ConfigError("the new checkpoint needs a folder of its own, but this one exists", where=str(target))
    check_place(target, "FOLDER")
    folder = find_checkpoint(source)
    if not holds_adapter(folder):
        raise ConfigError("this checkpoint holds no adapter: there is nothing to merge", where=str(folder))
    policy = load_policy(folder, "cpu")
    save_pretrained(policy, target, train_config=_of_whole_weights(json_or_empty(folder / "train_config.json")))


def _of_whole_weights(train_config: dict[str, Any]) -> dict[str, Any] | None:
    """How it was trained, without what LeRobot would make another adapter of; None where nothing is known."""
    if not train_config:
        return None
    policy = train_config.get("policy")
    changed = {"policy": {**policy, "use_peft": False}} if isinstance(policy, dict) else {}
    return {**train_config, **changed, "peft": None}
