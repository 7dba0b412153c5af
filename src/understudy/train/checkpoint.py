"""Checkpoints: LeRobot's layout, written all or nothing, each with a manifest by which damage is recognised.

    checkpoints/000500/pretrained_model/...              what LeRobot and `load_policy` read
                      /training_state/...                optimiser, schedule, step, as LeRobot resumes them
                      /training_state/checkpoint.json    why it was saved, the best so far, size and CRC of each file
                last -> 000500    best -> 000300

Why a checkpoint was saved decides how long it is kept: those of `save_freq` and the final one stay; a timed or
interrupted one, or one saved to be evaluated, goes when a newer one is there; of the best ones, the best stays.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file

from understudy.core import log
from understudy.core.errors import CheckpointError
from understudy.core.files import (
    folder_written_atomically,
    json_or_empty,
    link_atomically,
    remove_leftovers,
    write_atomically,
)
from understudy.core.run_folder import PRETRAINED, TRAINING_STATE, RunFolder
from understudy.nn.weights import read_safetensors, tensor_shapes
from understudy.policies.kinds import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS
from understudy.policies.pretrained import load_weights_into, save_pretrained

from .optim import flatten_state, restore_state
from .patience import Patience
from .rng_state import current_rng_state
from .schedule import restore_schedule, stored_schedule

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from understudy.policies.base import Policy

    from .schedule import Schedule

MANIFEST = "checkpoint.json"
SCHEDULER = "scheduler_state.json"
_PASSING_REASONS = {"time", "interrupt", "evaluation"}
_REQUIRED = (
    f"{PRETRAINED}/config.json",
    f"{TRAINING_STATE}/training_step.json",
    f"{TRAINING_STATE}/optimizer_state.safetensors",
)


@dataclass(frozen=True)
class Best:
    """The best so far and the step it was measured at.

    value     held-out error
    success   share of episodes that succeeded in simulation; None: not measured. Where it is, it decides, and the
              error only between equals: a small error is necessary for success and not sufficient
    """

    value: float
    step: int
    success: float | None = None

    def beats(self, other: Best | None) -> bool:
        """Whether this one is better than the best so far; of equals the earlier one stays."""
        if other is None:
            return True
        if (self.success is None) != (other.success is None):
            return self.success is not None
        return (-(self.success or 0.0), self.value) < (-(other.success or 0.0), other.value)


@dataclass(frozen=True)
class Resumed:
    """Where a run goes on."""

    step: int
    best: Best | None
    patience: Patience = field(default_factory=Patience)


class Checkpoints:
    """Saves and prunes the checkpoints of one run."""

    def __init__(self, run: RunFolder, train_config: dict[str, Any], total_steps: int) -> None:
        self._run = run
        self._train_config = train_config
        self._total_steps = total_steps
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        remove_leftovers(run.checkpoints)

    def save(
        self,
        step: int,
        policy: Policy,
        optimizer: Optimizer,
        schedule: Schedule | None,
        *,
        reasons: Iterable[str],
        best: Best | None,
        patience: Patience | None = None,
    ) -> Path:
        """Write the checkpoint of `step` and point `last` (and `best`) at it. Raises DiskFull; the older ones stay."""
        target = self._run.checkpoint(step, self._total_steps)
        reasons = list(reasons)
        standing = {"best": asdict(best) if best else None, "patience": asdict(patience or Patience())}
        if target.exists() and not damage(target):
            # the same step of the same run is the same checkpoint: only why it is kept has grown
            reasons_so_far = sorted({*_manifest(target).get("reasons", []), *reasons})
            _rewrite_manifest(target, reasons=reasons_so_far, **standing)
        else:
            if target.exists():
                shutil.rmtree(target)
            with folder_written_atomically(target) as folder:
                save_pretrained(policy, folder / PRETRAINED, train_config=self._train_config)
                _save_training_state(folder / TRAINING_STATE, step, optimizer, schedule)
                manifest = {
                    "format": 1,
                    "step": step,
                    "reasons": reasons,
                    **standing,
                    "files": {str(p.relative_to(folder)): _fingerprint(p) for p in _files(folder)},
                }
                (folder / TRAINING_STATE / MANIFEST).write_text(json.dumps(manifest, indent=2))
        link_atomically(self._run.last, target.name)
        if "best" in reasons:
            link_atomically(self._run.best, target.name)
        self._prune(newest=target)
        return target

    def _prune(self, newest: Path) -> None:
        # resolved, because a run folder may have been named relative to where the program stands
        kept = {newest.resolve(), self._run.best.resolve()}
        for path in self._run.saved_checkpoints():
            if path.resolve() in kept:
                continue
            reasons = set(_manifest(path).get("reasons", ["schedule"]))
            if reasons <= _PASSING_REASONS | {"best"}:
                shutil.rmtree(path)


def newest_good(run: RunFolder) -> Path | None:
    """The newest undamaged checkpoint of a run, None when there is none at all. Damaged ones are named, loudly.

    Raises CheckpointError when every checkpoint is damaged.
    """
    saved = run.saved_checkpoints()
    for path in reversed(saved):
        fault = damage(path)
        if fault is None:
            return path
        log.warn(f"checkpoint {path.name} is damaged ({fault}); taking the one before it")
    if saved:
        raise CheckpointError(
            "every checkpoint of this run is damaged",
            where=str(run.checkpoints),
            hint="start again in a new folder; `understudy inspect` shows what each folder still holds",
        )
    return None


def restore(
    path: Path, policy: Policy, optimizer: Optimizer, schedule: Schedule | None, steps_before: int = 0
) -> Resumed:
    """Load weights, optimiser state and schedule of a checkpoint folder (ours or LeRobot's) into live objects.

    steps_before   updates of the schedule that were made before the run's first one
    """
    load_weights_into(policy, path / PRETRAINED)
    step = int(json.loads((path / TRAINING_STATE / "training_step.json").read_text())["step"])
    restore_training(path / TRAINING_STATE, optimizer, schedule, steps_before + step)
    best, patience = _manifest(path).get("best"), _manifest(path).get("patience")
    return Resumed(step, Best(**best) if best else None, Patience(**patience or {}))


def restore_training(state: Path, optimizer: Optimizer, schedule: Schedule | None, steps: int) -> None:
    """Put optimiser and schedule where the training state in the folder `state` says, after `steps` updates.

    Raises CheckpointError when it is of another policy or schedule.
    """
    weights = "go on from the weights alone, in a new run: --policy.path=" + str(state.parent / PRETRAINED)
    try:
        restore_state(optimizer, read_safetensors(state / "optimizer_state.safetensors"))
    except (ValueError, KeyError, IndexError) as error:
        raise CheckpointError(
            f"the optimiser's state does not fit this policy: {error}",
            where=str(state / "optimizer_state.safetensors"),
            hint=weights,
        ) from error
    if schedule is not None:
        try:
            restore_schedule(schedule, optimizer, steps, json_or_empty(state / SCHEDULER))
        except KeyError as error:
            raise CheckpointError(
                f"the state of the schedule lacks {error}",
                where=str(state / SCHEDULER),
                hint=weights,
            ) from error


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint folder, in a few words; None when it is whole.

    A folder that LeRobot wrote has no manifest: there the files must exist and the safetensors files be whole.
    """
    for name in _REQUIRED:
        if not (path / name).is_file():
            return f"{name} is missing"
    weights = ADAPTER_WEIGHTS if (path / PRETRAINED / ADAPTER_CONFIG).is_file() else WEIGHTS
    if not (path / PRETRAINED / weights).is_file():
        return f"{PRETRAINED}/{weights} is missing"
    if not (path / TRAINING_STATE / MANIFEST).is_file():
        return _first_truncated(path)
    try:
        files = _manifest(path)["files"]
    except KeyError:
        return f"{MANIFEST} is not readable"
    for name, expected in files.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if _fingerprint(path / name) != expected:
            return f"{name} is not what was written"
    return None


def _first_truncated(path: Path) -> str | None:
    for file in _files(path):
        if file.suffix == ".safetensors":
            try:
                tensor_shapes(file)
            except CheckpointError as error:
                return f"{file.name}: {error.what}"
    return None


def _save_training_state(folder: Path, step: int, optimizer: Optimizer, schedule: Schedule | None) -> None:
    folder.mkdir()
    (folder / "training_step.json").write_text(json.dumps({"step": step}, indent=4))
    save_file(flatten_state(optimizer), folder / "optimizer_state.safetensors")
    # which of its ways torch took to the same numbers is no fact about the run
    groups = [{**group, "fused": None, "foreach": None} for group in optimizer.state_dict()["param_groups"]]
    (folder / "optimizer_param_groups.json").write_text(json.dumps(groups, indent=4))
    if schedule is not None:
        (folder / SCHEDULER).write_text(json.dumps(stored_schedule(schedule), indent=4))
    save_file(current_rng_state(), folder / "rng_state.safetensors")


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)


def _fingerprint(path: Path) -> list[int]:
    """[bytes, CRC-32] of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            crc = zlib.crc32(block, crc)
    return [path.stat().st_size, crc]


def _manifest(path: Path) -> dict[str, Any]:
    return json_or_empty(path / TRAINING_STATE / MANIFEST)


def _rewrite_manifest(path: Path, **changes: Any) -> None:
    write_atomically(path / TRAINING_STATE / MANIFEST, json.dumps(_manifest(path) | changes, indent=2))
