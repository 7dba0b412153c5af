"""Held-out validation while training: the loss and the error of `predict` on episodes the policy never trains on.

Beside it the errors of two policies that need no training: holding the last action and giving the mean action. A policy
that does not beat them has learnt nothing yet, whatever its loss. Draws are fixed, so two measurements are comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from understudy.core.rng import Rng
from understudy.data.rows import evenly_spaced, rows_of_episodes
from understudy.evaluate.baselines import add_errors, untrained
from understudy.nn.bf16 import autocast
from understudy.policies.action_error import ActionError, in_deviations

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.data.windows import Windows
    from understudy.policies.base import Policy

DEFAULT_FRAMES = 256


def held_out_rows(dataset: Dataset, episodes: Sequence[int], max_samples: int | None) -> np.ndarray:
    """Evenly spaced frames of the held-out episodes, first frames left out (nothing was executed before them).

    max_samples   None: 256; 0: every frame
    """
    limit = DEFAULT_FRAMES if max_samples is None else max_samples
    return evenly_spaced(rows_of_episodes(dataset, episodes, skip=1), limit or None)


class HeldOut:
    """Measures a policy on fixed frames of held-out episodes."""

    def __init__(
        self,
        dataset: Dataset,
        windows: Windows,
        rows: np.ndarray,
        *,
        batch_size: int,
        episodes: Sequence[int],
        precision: str,
        device: torch.device,
    ) -> None:
        self._dataset = dataset
        self._windows = windows
        self._rows = rows
        self._batch_size = batch_size
        self._episodes = list(episodes)
        self._precision = precision
        self._device = device
        self._baselines: dict[str, float] | None = None

    @torch.no_grad()
    def measure(self, policy: Policy) -> dict[str, Any]:
        """Keys of the `validation` event.

        action_mae     joint -> mean absolute error of `predict` over the chunk, the dataset's own units
        action_error   the same divided by each joint's standard deviation, averaged: the criterion of `best`
        baselines      action_error of `hold` and `mean` on the same frames
        """
        was_training = policy.training
        policy.eval()
        parts: dict[str, float] = {}
        errors: dict[str, ActionError] = {}
        for first in range(0, len(self._rows), self._batch_size):
            rows = self._rows[first : first + self._batch_size]
            batch = self._windows.gather(rows)
            placed = batch.to(self._device)
            rng = Rng(0, first)
            rng.seed_torch("validation")
            with autocast(self._precision, self._device):
                loss = policy.loss(placed, rng)
                predicted = policy.predict(placed.observation, rng).float().cpu()
            for name, value in {"loss": loss.total, **loss.parts}.items():
                parts[name] = parts.get(name, 0.0) + float(value) * len(rows) / len(self._rows)
            chunks = {"policy": predicted}
            if self._baselines is None:
                chunks |= untrained(policy, self._dataset, rows, batch.action.shape[1])
            add_errors(errors, chunks, batch.action, batch.action_is_pad)
        policy.train(was_training)

        spread = torch.as_tensor(policy.normalizer.statistics["action"]["std"], dtype=torch.float64)
        if self._baselines is None:
            self._baselines = {name: in_deviations(errors[name], spread) for name in errors if name != "policy"}
        names = self._dataset.spec.action.names
        return {
            **parts,
            "action_mae": dict(zip(names, errors["policy"].per_joint().tolist(), strict=True)),
            "action_error": in_deviations(errors["policy"], spread),
            "baselines": self._baselines,
            "episodes": self._episodes,
            "frames": len(self._rows),
        }
