"""What a split over windows hides: the same network on the same episodes, with a fifth of the windows or a fifth of the
episodes held out, and what its validation loss is worth on episodes that neither has seen.

Windows of one episode overlap. Where windows are held out, each has near-copies among those that are trained on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from understudy.core.files import write_atomically
from understudy.core.rng import Rng
from understudy.data.split import Split

from .ensemble_folder import EnsembleFolder
from .pendulum_config import PendulumStudy
from .pendulum_jobs import checkpoint_of, leak_jobs, run_jobs
from .pendulum_recipes import LEAK_SEEDS, leaking_of

SPLITS: tuple[Literal["window", "episode"], ...] = ("window", "episode")
_BATCH = 512


def show_leak(study: PendulumStudy) -> None:
    """Train both, measure both, and write leak.json: for each split the loss of each model on new episodes."""
    from .pendulum import train_ensemble

    for split in SPLITS:
        train_ensemble(study, leaking_of(study, split), study.seeds[:LEAK_SEEDS], study.leaking(split))
    run_jobs(leak_jobs(study), study.jobs)
    found = {
        split: [loss_on_new(study, EnsembleFolder(study.leaking(split)).run(seed).path) for seed in _seeds(study)]
        for split in SPLITS
    }
    write_atomically(study.leak_losses, json.dumps(found) + "\n")


def _seeds(study: PendulumStudy) -> tuple[int, ...]:
    return study.seeds[:LEAK_SEEDS]


def loss_on_new(study: PendulumStudy, run: Path) -> float:
    """Mean loss of the last checkpoint on the study's validation episodes, which these runs never loaded."""
    import torch

    from understudy.core.run_folder import RunFolder
    from understudy.data.lerobot import load_dataset
    from understudy.data.windows import Windows
    from understudy.policies.pretrained import load_policy

    policy = load_policy(checkpoint_of(RunFolder(run), "last"), "cpu")
    new = Split.from_json(json.loads(study.split.read_text())).validation
    dataset = load_dataset("pendulum", root=study.data, episodes=new)
    windows = Windows(dataset, None, action_offsets=policy.config.action_offsets(), cameras=())
    # as the validations do: not the first frames
    rows = np.flatnonzero(dataset.frame_index > 0)
    total = 0.0
    with torch.no_grad():
        for first in range(0, len(rows), _BATCH):
            batch = windows.gather(rows[first : first + _BATCH])
            total += float(policy.loss(batch, Rng(0, first)).total) * len(batch)
    return total / len(rows)


def read_leak(study: PendulumStudy) -> dict[str, Any]:
    """What leak.json holds."""
    found: dict[str, Any] = json.loads(study.leak_losses.read_text())
    return found
