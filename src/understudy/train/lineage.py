"""What a new run notes of where it comes from, and what it has to know of that before it starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import log
from understudy.core.files import json_or_empty, write_atomically
from understudy.core.lineage import FORMAT, Lineage, read_lineage, told
from understudy.core.run_folder import RunFolder, run_of_checkpoint, step_of_checkpoint
from understudy.core.units import first_of
from understudy.data.episode_digests import episode_digests
from understudy.policies.fingerprint import fingerprint
from understudy.policies.places import find_checkpoint

from .part_facts import parts_and_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.data.lerobot import Dataset
    from understudy.data.split import Split

    from .config import TrainConfig
    from .prepare import Prepared


def write_lineage(prepared: Prepared, folder: RunFolder) -> None:
    """Write `lineage.json` of a run that starts; one that goes on has it already."""
    if folder.lineage.exists():
        return
    config = prepared.config
    content = {
        "format": FORMAT,
        "datasets": _datasets(config, prepared.dataset, prepared.split),
        "parent": _parent(config),
    }
    write_atomically(folder.lineage, json.dumps(content, indent=2))


def ancestors(config: TrainConfig) -> list[str]:
    """What the run starts from, in words, and what that was started from, a line each; [] for a start from scratch."""
    if (checkpoint := _checkpoint_here(config)) is not None:
        return told(Lineage({"parent": _known_of(config, checkpoint)}))
    named = config.policy.pretrained_path
    return [f"weights of {named}, of which it is not known which episodes it was trained on"] if named else []


def earlier_folders(config: TrainConfig) -> list[Path]:
    """The datasets of the policy that the run starts from, of those that are on this machine."""
    checkpoint = _checkpoint_here(config)
    return [] if checkpoint is None else [folder for folder in _lineage_of(checkpoint).folders() if folder.is_dir()]


def warn_of_leak(config: TrainConfig, dataset: Dataset, split: Split) -> None:
    """Say which held-out episodes the policy that is started from was trained on: their error would flatter."""
    if (checkpoint := _checkpoint_here(config)) is None:
        return
    before = _lineage_of(checkpoint).trained()
    held_out = episode_digests(dataset, [*split.validation, *split.test])
    seen = sorted(index for index, digest in held_out.items() if digest in before)
    if seen:
        new = sorted(index for index, digest in episode_digests(dataset).items() if digest not in before)
        log.warn(
            f"{len(seen)} of {len(held_out)} held-out episodes were trained on by the policy that this run starts from "
            f"({first_of(seen)}): held-out error will flatter" + _instead(config, new)
        )


def _checkpoint_here(config: TrainConfig) -> Path | None:
    """The checkpoint that is started from; None for none, and for one on the Hub, of which only its name is known."""
    named = config.policy.pretrained_path
    return Path(named) if named is not None and Path(named).is_dir() else None


def _instead(config: TrainConfig, new: Sequence[int]) -> str:
    if not new:
        return ""
    option = "--dataset.eval_episodes" if config.dataset.mixture is None else "eval_episodes in --dataset.mixture"
    return f". It has not seen {first_of(new)}: hold out some of these with {option}"


def _datasets(config: TrainConfig, dataset: Dataset, split: Split) -> list[dict[str, Any]]:
    found = []
    for part, facts in parts_and_facts(dataset, config):
        own = split.between(part.first_episode, part.first_episode + part.dataset.files.episode_numbers)
        folder, trained = str(part.dataset.root.resolve()), episode_digests(part.dataset, own.train)
        found.append({**facts, "folder": folder, "trained": trained})
    return found


def _parent(config: TrainConfig) -> dict[str, Any] | None:
    named = config.policy.pretrained_path
    if named is None:
        return None
    checkpoint = find_checkpoint(named)
    return _known_of(config, checkpoint) | {"policy": named, "weights": fingerprint(checkpoint)}


def _known_of(config: TrainConfig, checkpoint: Path) -> dict[str, Any]:
    """What is known of the policy that is started from without reading its weights."""
    run, step = run_of_checkpoint(checkpoint), step_of_checkpoint(checkpoint)
    return {
        "policy": str(checkpoint),
        "run": None if run is None else str(run.path),
        "step": int(step) if step.isdigit() else None,
        "continued": config.continue_schedule,
        "lineage": _lineage_of(checkpoint).content or None,
    }


def _lineage_of(checkpoint: Path) -> Lineage:
    """What is known of the run that made a checkpoint: of LeRobot's the dataset's name alone."""
    lineage = read_lineage(run_of_checkpoint(checkpoint))
    if lineage.content:
        return lineage
    dataset = json_or_empty(checkpoint / "train_config.json").get("dataset")
    repo_id = dataset.get("repo_id") if isinstance(dataset, dict) else None
    return Lineage({"datasets": [{"repo_id": repo_id}]} if repo_id else {})
