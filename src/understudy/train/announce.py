"""The first event of a run, or of a resumption: what is trained on what, where, and how long it took to begin."""

from __future__ import annotations

import shlex
import sys
import uuid
from typing import TYPE_CHECKING, Any

from understudy import __version__
from understudy.core import log

from .machine import machine_facts
from .part_facts import parts_and_facts

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

    from .config import TrainConfig
    from .loop import Training
    from .prepare import Prepared


# a dataset can have thousands
MOST_TASKS = 20


def parts_of(dataset: Dataset, config: TrainConfig) -> dict[str, Any]:
    """`parts` of several datasets, as the event has them; {} for a single one."""
    if len(dataset.parts) == 1:
        return {}
    parts = parts_and_facts(dataset, config)
    return {"parts": [facts | {"first_episode": part.first_episode} for part, facts in parts]}


def announce(t: Training, prepared: Prepared, device: Any, *, resumed: bool) -> None:
    """Write `run_started`, or `run_resumed`, and say how the start went."""
    parameters = list(t.update.policy.parameters())
    dataset = prepared.dataset
    keys: dict[str, Any] = {
        "run_id": uuid.uuid4().hex[:12],
        "version": __version__,
        "command": shlex.join(sys.argv),
        "config_hash": t.config.hash(t.ranks.world),
        "dataset": {
            "repo_id": dataset.repo_id,
            "fingerprint": dataset.fingerprint,
            "episodes": len(dataset.episodes),
            "frames": dataset.num_rows,
            "fps": dataset.fps,
            "robot": dataset.info.get("robot_type"),
            "tasks": dataset.tasks[:MOST_TASKS],
            **parts_of(dataset, t.config),
        },
        "policy": {
            "type": t.config.policy.type,
            "parameters": sum(p.numel() for p in parameters),
            "trainable_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        },
        "batch_size": t.config.batch_size,
        "world_size": t.ranks.world,
        "machine": machine_facts(device),
        "precision": t.config.precision,
        "frames_tier": prepared.frames.tier,
        "startup_s": {**prepared.start_up.seconds, "total": prepared.start_up.total},
    }
    log.say(f"{'started':<10} {prepared.start_up}")
    if resumed:
        t.events.append("run_resumed", t.step, **keys, from_step=t.step)
    else:
        t.events.append("run_started", t.step, **keys)
