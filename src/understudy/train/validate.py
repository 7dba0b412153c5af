"""Held-out validation while training: the loss and the error of `predict` on episodes the policy never trains on.

Beside it the errors of two policies that need no training: holding the last action and giving the mean action. A policy
that does not beat them has learnt nothing yet, whatever its loss. Draws are fixed, so two measurements are comparable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from understudy.core.rng import Rng
from understudy.data.dataset_files import parts_of_rows
from understudy.data.rows import evenly_spaced
from understudy.evaluate.baselines import add_errors, untrained
from understudy.nn.bf16 import autocast
from understudy.policies.action_error import ActionError, in_deviations
from understudy.policies.base import evaluating

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.data.spec import Batch
    from understudy.data.windows import Windows
    from understudy.policies.base import Policy

DEFAULT_FRAMES = 256


def held_out_rows(dataset: Dataset, rows: np.ndarray, max_samples: int | None, *, first_frames: bool) -> np.ndarray:
    """Evenly spaced ones of the held-out `rows`.

    max_samples    None: 256; 0: every frame
    first_frames   whether the first frames of episodes are among them: nothing was executed before them, so that an
                   action error has no baseline there
    """
    limit = DEFAULT_FRAMES if max_samples is None else max_samples
    if not first_frames:
        rows = rows[dataset.frame_index[rows] > 0]
    return evenly_spaced(rows, limit or None)


class HeldOut:
    """Measures a policy on fixed frames of held-out episodes.

    rows         where the loss is measured
    error_rows   where the action error is, which takes predictions; none of them the first frame of an episode
    """

    def __init__(
        self,
        dataset: Dataset,
        windows: Windows,
        rows: np.ndarray,
        error_rows: np.ndarray,
        *,
        batch_size: int,
        episodes: Sequence[int],
        precision: str,
        device: torch.device,
    ) -> None:
        self._dataset = dataset
        self._windows = windows
        self._rows = rows
        self._error_rows = error_rows
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
        datasets       of several datasets: the action_error on each
        """
        parts: dict[str, float] = {}
        errors: dict[str, ActionError] = {}
        of_part: dict[str, ActionError] = {}
        together = np.array_equal(self._rows, self._error_rows)
        with evaluating(policy):
            for first, batch in self._batches(self._rows):
                rng = Rng(0, first)
                rng.seed_torch("validation")
                placed = batch.to(self._device)
                with autocast(self._precision, self._device):
                    loss = policy.loss(placed, rng)
                for name, value in {"loss": loss.total, **loss.parts}.items():
                    parts[name] = parts.get(name, 0.0) + float(value) * len(batch) / len(self._rows)
                if together:
                    self._add_errors(errors, of_part, policy, batch, placed.observation, rng)
            for first, batch in () if together else self._batches(self._error_rows):
                self._add_errors(errors, of_part, policy, batch, batch.to(self._device).observation, Rng(0, first))

        spread = torch.as_tensor(policy.normalizer.statistics["action"]["std"], dtype=torch.float64)
        if self._baselines is None:
            self._baselines = {name: in_deviations(errors[name], spread) for name in errors if name != "policy"}
        names = self._dataset.spec.action.names
        return {
            **parts,
            "action_mae": dict(zip(names, errors["policy"].per_joint().tolist(), strict=True)),
            "action_error": in_deviations(errors["policy"], spread),
            "baselines": self._baselines,
            **(
                {"datasets": {name: in_deviations(error, spread) for name, error in of_part.items()}} if of_part else {}
            ),
            "episodes": self._episodes,
            "frames": len(self._rows),
        }

    def _batches(self, rows: np.ndarray) -> Iterator[tuple[int, Batch]]:
        for first in range(0, len(rows), self._batch_size):
            yield first, self._windows.gather(rows[first : first + self._batch_size])

    def _add_errors(
        self,
        errors: dict[str, ActionError],
        of_part: dict[str, ActionError],
        policy: Policy,
        batch: Batch,
        observation: dict[str, Tensor],
        rng: Rng,
    ) -> None:
        with autocast(self._precision, self._device):
            chunks = {"policy": policy.predict(observation | policy.instruction(batch.task), rng).float().cpu()}
        if self._baselines is None:
            assert batch.rows is not None
            chunks |= untrained(policy, self._dataset, batch.rows, batch.action.shape[1])
        add_errors(errors, chunks, batch.action, batch.action_is_pad)
        if len(self._dataset.parts) > 1:
            assert batch.rows is not None
            numbers = parts_of_rows(self._dataset.parts, batch.rows)
            for number in np.unique(numbers).tolist():
                there = torch.from_numpy(numbers == number)
                one = {self._dataset.parts[number].dataset.repo_id: chunks["policy"][there]}
                add_errors(of_part, one, batch.action[there], batch.action_is_pad[there])
