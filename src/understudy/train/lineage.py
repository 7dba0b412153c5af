"""What a new run notes of where it comes from, and what it has to know of that before it starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import log
from understudy.core.files import json_or_empty, write_atomically
from understudy.core.lineage import FORMAT, Lineage, read_lineage, told
from understudy.core.run_folder import RunFolder, run_of_checkpoint, step_of_checkpoint
from understudy.data.episode_digests import episode_digests
from understudy.policies.fingerprint import fingerprint
from understudy.policies.places import find_checkpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from understudy.data.lerobot import Dataset
    from understudy.data.split import Split

    from .config import TrainConfig
    from .prepare import Prepared

_MOST_SHOWN = 8


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
    named = config.policy.pretrained_path
    if named is None:
        return []
    if not Path(named).is_dir():
        return [f"weights of {named}, of which it is not known which episodes it was trained on"]
    return told(Lineage({"parent": _known_of(config, Path(named))}))


def earlier_folders(config: TrainConfig) -> list[Path]:
    """The datasets of the policy that the run starts from, of those that are on this machine."""
    checkpoint = Path(config.policy.pretrained_path or "")
    if config.policy.pretrained_path is None or not checkpoint.is_dir():
        return []
    return [folder for folder in _lineage_of(checkpoint).folders() if folder.is_dir()]


def warn_of_leak(config: TrainConfig, dataset: Dataset, split: Split) -> None:
    """Say which held-out episodes the policy that is started from was trained on: their error would flatter."""
    checkpoint = Path(config.policy.pretrained_path or "")
    # of what is still on the Hub no more is known than its name
    if config.policy.pretrained_path is None or not checkpoint.is_dir():
        return
    before = _lineage_of(checkpoint).trained()
    held_out = episode_digests(dataset, [*split.validation, *split.test])
    seen = sorted(index for index, digest in held_out.items() if digest in before)
    if seen:
        new = sorted(index for index, digest in episode_digests(dataset).items() if digest not in before)
        log.warn(
            f"{len(seen)} of {len(held_out)} held-out episodes were trained on by the policy that this run starts from "
            f"({_short(seen)}): held-out error will flatter" + _instead(config, new)
        )


def _instead(config: TrainConfig, new: Collection[int]) -> str:
    if not new:
        return ""
    option = "--dataset.eval_episodes" if config.dataset.mixture is None else "eval_episodes in --dataset.mixture"
    return f". It has not seen {_short(list(new))}: hold out some of these with {option}"


def _short(episodes: list[int]) -> str:
    shown = ", ".join(map(str, episodes[:_MOST_SHOWN]))
    return f"{shown}, ..." if len(episodes) > _MOST_SHOWN else shown


def _datasets(config: TrainConfig, dataset: Dataset, split: Split) -> list[dict[str, Any]]:
    found = []
    weights: Sequence[float | None] = config.dataset.weights or [None] * len(dataset.parts)
    for part, weight in zip(dataset.parts, weights, strict=True):
        first, last = part.first_episode, part.first_episode + part.dataset.files.episode_numbers
        trained = [index - first for index in split.train if first <= index < last]
        found.append(
            {
                "repo_id": part.dataset.repo_id,
                "folder": str(part.dataset.root.resolve()),
                "fingerprint": part.dataset.fingerprint,
                "episodes": len(part.dataset.episodes),
                "frames": part.dataset.num_rows,
                "weight": weight,
                "trained": episode_digests(part.dataset, trained),
            }
        )
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
