"""A small network by plain regression: the reference that any claim about a better policy has to beat.

State -> 256 -> 256 -> the next 15 actions, both ends normalised, L1 or squared loss, every window of the training
episodes, under a minute on one core. No flow, no tokens, no attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from understudy.core.files import write_atomically
from understudy.core.rng import Rng
from understudy.nn.weights import read_safetensors

from .pendulum_data import training_arrays

if TYPE_CHECKING:
    from understudy.envs.pendulum.batch import BatchResult

    from .pendulum_trials import Cell, Subject

CHUNK, WIDTH = 15, 256
STEPS, BATCH, RATE = 15_000, 256, 1e-3
LossName = Literal["l1", "squared"]


class Mlp(nn.Module):
    """(n, 4) states to (n, 15) actions, in the units of the recording."""

    mean: Tensor
    std: Tensor
    action_std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CHUNK)
        )
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("std", torch.ones(4))
        self.register_buffer("action_std", torch.ones(()))

    def measure(self, states: Tensor, actions: Tensor) -> None:
        """Take the statistics of `states` (n, 4) and `actions` (n, 15)."""
        self.mean, self.std, self.action_std = states.mean(0), states.std(0), actions.std()

    def forward(self, states: Tensor) -> Tensor:
        actions: Tensor = self.layers((states - self.mean) / self.std) * self.action_std
        return actions


def windows(states: np.ndarray, actions: np.ndarray) -> tuple[Tensor, Tensor]:
    """Every state that 15 actions follow, and these: (n, 4) and (n, 15).

    states, actions   (episodes, steps, 4) and (episodes, steps)
    """
    starts = actions.shape[1] - CHUNK + 1
    followed = np.lib.stride_tricks.sliding_window_view(actions, CHUNK, axis=1)
    flat = np.ascontiguousarray(states[:, :starts]).reshape(-1, states.shape[2])
    return torch.from_numpy(flat), torch.from_numpy(np.ascontiguousarray(followed).reshape(-1, CHUNK))


def train_mlp(states: np.ndarray, actions: np.ndarray, *, loss: LossName, steps: int = STEPS, seed: int = 0) -> Mlp:
    """Fit it to the episodes, as `windows` has them, in `steps` updates of 256 windows."""
    rng = Rng(seed)
    inputs, targets = windows(states, actions)
    rng.seed_torch("mlp weights")
    mlp = Mlp()
    mlp.measure(inputs, targets)
    optimizer = torch.optim.AdamW(mlp.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    distance = functional.l1_loss if loss == "l1" else functional.mse_loss
    for step in range(steps):
        rows = torch.from_numpy(rng.at(step).numpy("mlp batch").integers(0, len(inputs), BATCH))
        error = distance(mlp(inputs[rows]) / mlp.action_std, targets[rows] / mlp.action_std)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    return mlp.eval()


@dataclass(frozen=True)
class Regression:
    """A network to be fitted to the training episodes of a recording, and the file that it goes to."""

    loss: LossName
    steps: int
    data: Path
    split: Path
    out: Path


def fit(regression: Regression) -> None:
    """Fit the network and write its weights. Raises what reading the recording raises, DiskFull."""
    states, actions = training_arrays(regression.data, regression.split)
    mlp = train_mlp(states, actions, loss=regression.loss, steps=regression.steps)
    regression.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(regression.out, save(mlp.state_dict()))


def read_mlp(path: Path) -> Mlp:
    """The network whose weights are in the file. Raises CheckpointError when it is damaged."""
    mlp = Mlp()
    mlp.load_state_dict(read_safetensors(path))
    return mlp.eval()


def mlp_subject(mlp: Mlp) -> Subject:
    """The network as one who acts."""
    from understudy.envs.pendulum.batch import run_batch

    @torch.no_grad()
    def predict(states: np.ndarray) -> np.ndarray:
        actions: np.ndarray = mlp(torch.from_numpy(states.astype(np.float32))).numpy()
        return actions

    def run(seeds: Sequence[int], cell: Cell, horizon: int, kick: float) -> BatchResult:
        return run_batch(predict, seeds=seeds, noise=cell.noise, replan=cell.replan, horizon=horizon, kick=kick)

    return run
