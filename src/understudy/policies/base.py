"""Policy: two verbs. `loss` turns a batch into a number to minimise, `predict` an observation into a chunk of actions.

Both take and give the dataset's own units; normalisation happens inside, with statistics that belong to the policy.
The trainer, the evaluation and the server need nothing else, so none of them knows a policy by name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from understudy.core.errors import DataError
from understudy.core.rng import Rng
from understudy.data.spec import MEMORY, FeatureType, seen_name

if TYPE_CHECKING:
    from understudy.data.spec import Batch
    from understudy.nn.normalize import Normalizer
    from understudy.policies.adapter import Adapter
    from understudy.policies.config import PolicyConfig
    from understudy.policies.prefix import Prefix


@dataclass
class Loss:
    """`total` is what is minimised; `parts` are detached scalars to watch, still on the device."""

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode (no dropout) inside, the former mode afterwards."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


class Policy(nn.Module):
    """Base of all policies. Its state dict has LeRobot's keys; statistics are not part of it (LeRobot's rule)."""

    is_stochastic: ClassVar[bool] = False

    config: PolicyConfig
    normalizer: Normalizer

    def __init__(self) -> None:
        super().__init__()
        # name in a robot's observation -> name the policy knows; stored with the policy as LeRobot does
        self.rename_map: dict[str, str] = {}
        # what is trained in the place of the weights, see adapter.py
        self.adapter: Adapter | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are; inputs are moved there."""
        return next(self.parameters()).device

    def check_observation(self, observation: dict[str, Tensor]) -> None:
        """Raises DataError unless `observation` holds every feature that is normalised, in a shape the policy takes."""
        for name in self.normalizer.modes:
            feature = self.config.input_features.get(name)
            if feature is None:
                continue
            visual = feature.type is FeatureType.VISUAL
            if visual and (seen_name(name) in observation or MEMORY in observation):
                continue
            if name not in observation:
                raise DataError(
                    f"the observation lacks `{name}`",
                    hint=f"this policy looks at {', '.join(n for n in self.normalizer.modes if n != 'action')}",
                )
            shape, found = feature.shape, tuple(observation[name].shape)
            if len(found) != 1 + len(shape) or found[1:2] != shape[:1]:
                wanted = f"(batch, {shape[0]}, height, width)" if visual else f"(batch, {shape[0]})"
                raise DataError(f"the observation's `{name}` has shape {found}, expected {wanted}")

    def loss(self, batch: Batch, rng: Rng) -> Loss:
        """The training loss of `batch` (in train mode), or its held-out counterpart (in eval mode).

        Every random draw comes from `rng`, so the same step of the same run always gives the same loss.
        """
        return self.loss_given(batch, self.draws(batch, rng))

    def draws(self, batch: Batch, rng: Rng) -> dict[str, Tensor]:
        """The random numbers that the loss of `batch` needs, beside dropout's, which are torch's own.

        Each tensor's first dimension is the batch's. They are drawn apart from the arithmetic so that many networks,
        each with its own draws, can be computed as one.
        """
        return {}

    def loss_given(self, batch: Batch, draws: dict[str, Tensor]) -> Loss:
        """`loss` with the random numbers of `draws`: a function of the weights and its arguments, dropout aside."""
        raise NotImplementedError

    def prefixes(self, tasks: Sequence[str]) -> Mapping[str, Prefix]:
        """What may be computed once for each frame while the weights for it are frozen; {} where there is no such part.

        An observation may hold the entries of one of them in the place of its pictures. Names are the values of the
        option prefix_cache, the one that saves and takes most first: `memory` for all that is read of a frame, then
        `features` for what is seen in each camera.

        tasks   all that the policy may be told
        """
        return {}

    def instruction(self, tasks: Sequence[str]) -> dict[str, Tensor]:
        """A task for each sample, in words -> what a policy that reads wants beside the observation; {} for others.

        Add it to what `predict` is given: `observation | policy.instruction(tasks)`.
        Raises DataError for a task that says nothing.
        """
        return {}

    @torch.no_grad()
    def predict(self, observation: dict[str, Tensor], rng: Rng | None = None) -> Tensor:
        """Actions for the next `chunk` control steps: (batch, chunk, action_dim), the dataset's own units.

        observation   name -> (B, n) float for vectors; (B, 3, h, w) for cameras, uint8 or float in 0..1
        """
        raise NotImplementedError

    @torch.no_grad()
    def predict_first(self, observation: dict[str, Tensor], steps: int, rng: Rng | None = None) -> Tensor:
        """The first `steps` actions of `predict`; sooner where a policy can leave out the others."""
        return self.predict(observation, rng)[:, :steps]

    def predict_in_bf16(self) -> None:
        """Predict in bfloat16 from now on, with weights that are kept in it: sooner where the processor has it.

        For predicting only: such a policy cannot be trained or saved. Raises ConfigError where it would not serve.
        """
        raise NotImplementedError

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups for the optimiser: dicts with `name`, `params` and, where it differs, `lr`."""
        raise NotImplementedError

    def trained_parts_changed(self) -> None:
        """Called when other parameters are trained than those that the options say, as with an adapter."""

    def calibrate(self, batches: Iterable[Batch]) -> str | None:
        """Measure on data what has to be known before the first update; a line that says what was done, or None."""
        return None

    def fit_actions(self, windows: Iterable[tuple[Tensor, Tensor]]) -> str | None:
        """Fit what depends on all actions of the training windows, such as a tokenizer; a line that says what was done.

        windows   in blocks: actions (n, S, A) in the dataset's own units, and (n, S) true past the end of an episode;
                  cut when they are asked for, so a policy that does not look at them costs nothing
        """
        return None

    def own_files(self) -> Mapping[str, str]:
        """Files that belong to the policy beside its weights, by name. LeRobot looks at none of them."""
        return {}

    def read_own_files(self, folder: Path) -> None:
        """Take in what `own_files` gave when the checkpoint in `folder` was saved.

        Raises CheckpointError, and changes nothing, when a file is missing, damaged or another policy's.
        """

    def warnings(self) -> list[str]:
        """What a user should know before training starts: a line each."""
        return []
