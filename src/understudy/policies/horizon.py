"""From chunks to single actions, for every policy alike: a queue, temporal ensembling, and a controller for a robot.

controller = Controller(load_policy(path))
controller.reset(task="lift the cube")              at the start of each episode
action = controller.act(observation)                at each control step
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from understudy.core.rng import Rng
from understudy.policies.base import Policy


class ActionQueue:
    """Executes the first `length` actions of a chunk before another chunk is wanted."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._actions: deque[Tensor] = deque()

    def reset(self) -> None:
        """Forget what is left of the last chunk."""
        self._actions.clear()

    @property
    def is_empty(self) -> bool:
        return not self._actions

    def push(self, chunk: Tensor) -> None:
        """Take the actions to execute from a chunk (B, S, A)."""
        self._actions.extend(chunk[:, : self.length].unbind(1))

    def pop(self) -> Tensor:
        """The next action, (B, A)."""
        return self._actions.popleft()


class TemporalEnsembler:
    """The weighted mean of everything predicted for a control step (Algorithm 2 of the ACT paper), kept online.

    Of the predictions for one step the i-th oldest weighs exp(-coefficient * i): a positive coefficient trusts older
    predictions more. Arithmetic and its order are LeRobot's (multiply, add, divide; float32 weights).
    """

    def __init__(self, coefficient: float, chunk: int) -> None:
        self.chunk = chunk
        self._weights = torch.exp(-coefficient * torch.arange(chunk))
        self._weight_sums = self._weights.cumsum(0)
        self.reset()

    def reset(self) -> None:
        """Forget all predictions."""
        self._means: Tensor | None = None  # (B, steps ahead, A)
        self._counts = torch.empty(0, dtype=torch.long)  # predictions in each mean

    def update(self, chunk: Tensor) -> Tensor:
        """Take a chunk (B, S, A) predicted for now and give the action for now, (B, A)."""
        weights, sums = self._weights.to(chunk.device), self._weight_sums.to(chunk.device)
        if self._means is None:
            means, counts = chunk.clone(), torch.ones(self.chunk, dtype=torch.long, device=chunk.device)
        else:
            n = self._counts
            old, new = self._means, chunk[:, :-1]
            means = (old * sums[n - 1, None] + new * weights[n, None]) / sums[n, None]
            means = torch.cat([means, chunk[:, -1:]], dim=1)
            counts = torch.cat([(n + 1).clamp(max=self.chunk), torch.ones_like(n[:1])])
        self._means, self._counts = means[:, 1:], counts[1:]
        return means[:, 0]


class Controller:
    """Runs a policy step by step, as its configuration says: queue or temporal ensembling."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy.eval()
        horizon = policy.config.horizon()
        self._queue = ActionQueue(horizon.executed)
        self._ensembler: TemporalEnsembler | None = None
        if horizon.ensemble_coefficient is not None:
            self._ensembler = TemporalEnsembler(horizon.ensemble_coefficient, horizon.predicted)
        self._seed: int | None = None
        self._step, self._task = 0, ""
        self._single = True

    @property
    def is_about_to_predict(self) -> bool:
        """Whether the next `act` looks at its observation."""
        return self._ensembler is not None or self._queue.is_empty

    def reset(self, seed: int | None = None, task: str = "") -> None:
        """Start an episode: nothing predicted before counts. A policy that draws, draws by `seed` and the step.

        task   what the robot is to do, in words, for a policy that reads; the others do not look at it
        """
        self._seed, self._step, self._task = seed, 0, task
        self._queue.reset()
        if self._ensembler is not None:
            self._ensembler.reset()

    def act(self, observation: Mapping[str, np.ndarray | Tensor]) -> np.ndarray:
        """The action for this control step: (A,) float32 in the dataset's own units, or (B, A) for a batch.

        observation   name -> vector (n,); image (h, w, 3) or (3, h, w), uint8, or float in 0..1. With one more axis in
                      front, a batch of independent robots. While a chunk is being executed it is not looked at.
        """
        if self.is_about_to_predict:
            batch, self._single = self._batched(observation)
            batch |= self.policy.instruction([self._task] * len(next(iter(batch.values()), ())))
            rng = None if self._seed is None else Rng(self._seed, self._step)
            chunk = self.policy.predict(batch, rng)
            if self._ensembler is None:
                self._queue.push(chunk)
        action = self._queue.pop() if self._ensembler is None else self._ensembler.update(chunk)
        self._step += 1
        values: np.ndarray = action.cpu().numpy()
        return values[0] if self._single else values

    def _batched(self, observation: Mapping[str, np.ndarray | Tensor]) -> tuple[dict[str, Tensor], bool]:
        """The observation under the policy's names, with a batch axis and channels first; whether it had none."""
        single = False
        batch = {}
        for given, value in observation.items():
            name = self.policy.rename_map.get(given, given)
            feature = self.policy.config.input_features.get(name)
            if feature is None:
                continue
            tensor = torch.as_tensor(value)
            if tensor.dim() == len(feature.shape):
                single, tensor = True, tensor[None]
            if len(feature.shape) == 3 and tensor.dim() == 4 and tensor.shape[1] != 3 and tensor.shape[-1] == 3:
                tensor = tensor.permute(0, 3, 1, 2)
            batch[name] = tensor
        return batch, single
