"""The weights of many networks in one tensor, and one optimiser over it.

Row i of the tensor holds what network i trains, parameter after parameter in the order of its optimiser's groups. The
networks' own parameters, and the state in their own optimisers, become views of it: nothing is copied to look at one
network, to measure it or to save it. AdamW and its kind work number by number, so the row of a network is updated as
its parameters would have been, at its own rate and with its own count of updates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

if TYPE_CHECKING:
    from understudy.policies.base import Policy

# numbers; 256 bytes of float32, so that every parameter begins where the fastest kernels want it
_ALIGNMENT = 64
STEP = "step"


@dataclass(frozen=True)
class _Place:
    """Where in a row a parameter lies."""

    name: str
    start: int
    shape: torch.Size

    def of(self, rows: Tensor) -> Tensor:
        """The parameter in a row (P,), or those of all networks in (N, P): a view."""
        part = rows[..., self.start : self.start + self.shape.numel()]
        return part.view(*rows.shape[:-1], *self.shape)


class StackedWeights:
    """What N networks train, as `leaves` (name -> (N, ...)); what they do not train, as `constants`.

    Takes over the weights of `policies` and the states of `optimizers`, which must be alike.
    """

    def __init__(self, policies: Sequence[Policy], optimizers: Sequence[Optimizer]) -> None:
        self._optimizers = list(optimizers)
        self._own = [dict(policy.named_parameters()) for policy in policies]
        self._numbers, self._groups, width = _layout(self._own[0], optimizers[0])
        places = [place for group in self._groups for place in group]
        example = self._own[0][places[0].name]
        flat = torch.zeros(len(self._own), width, dtype=example.dtype, device=example.device)
        for row, own in zip(flat, self._own, strict=True):
            for place in places:
                view = place.of(row)
                view.copy_(own[place.name].detach())
                own[place.name].data = view
        self.leaves = {place.name: place.of(flat).requires_grad_() for place in places}
        self.constants = _constants(policies, trained=set(self.leaves))
        self._gradient = torch.zeros_like(flat)
        self._into = [place.of(self._gradient) for place in places]
        spans = [(group[0].start, _end(group[-1])) for group in self._groups]
        self._pieces = [[row[a:b] for a, b in spans] for row in flat]
        self._gradient_pieces = [[row[a:b] for a, b in spans] for row in self._gradient]
        self._joint = self._joint_optimizer()
        self._take_over_states()

    def add_gradients(self, loss: Tensor, *, begin: bool) -> None:
        """Add the gradients of `loss` to those of this update, which `begin` starts."""
        found = torch.autograd.grad(loss, list(self.leaves.values()))
        if begin:
            torch._foreach_copy_(self._into, found)
        else:
            torch._foreach_add_(self._into, found)

    def gradient_norms(self) -> Tensor:
        """(N,): the L2 norm of each network's gradient."""
        norms: Tensor = torch.linalg.vector_norm(self._gradient, dim=1)
        return norms

    def scale_gradients(self, factors: Tensor) -> None:
        """Multiply the gradient of network i by `factors[i]`."""
        self._gradient.mul_(factors[:, None])

    def step(self, skipped: Sequence[int]) -> None:
        """Move the weights, each network's at its own rates, but for those of `skipped`."""
        groups = iter(self._joint.param_groups)
        for i, optimizer in enumerate(self._optimizers):
            for number, piece, gradient in zip(self._numbers, self._pieces[i], self._gradient_pieces[i], strict=True):
                piece.grad = None if i in skipped else gradient
                next(groups)["lr"] = optimizer.param_groups[number]["lr"]
        self._joint.step()
        if not self._published:
            self._publish_states()

    # -- the optimiser and its state --------------------------------------------------------------------------------

    def _joint_optimizer(self) -> Optimizer:
        """One optimiser, with a group for each group of each network."""
        groups = [
            {**optimizer.param_groups[number], "params": [piece]}
            for optimizer, pieces in zip(self._optimizers, self._pieces, strict=True)
            for number, piece in zip(self._numbers, pieces, strict=True)
        ]
        kind: Any = type(self._optimizers[0])
        joint: Optimizer = kind(groups)
        for optimizer in self._optimizers:
            # a schedule asks whether its optimiser has ever stepped; it does so here
            optimizer._opt_called = True  # type: ignore[attr-defined]
        return joint

    def _take_over_states(self) -> None:
        """Begin with the states that the networks' own optimisers have, if they have stepped."""
        for own, optimizer, pieces in zip(self._own, self._optimizers, self._pieces, strict=True):
            for group, piece in zip(self._groups, pieces, strict=True):
                states = [optimizer.state.get(own[place.name]) for place in group]
                if not states[0]:
                    continue
                joint: dict[str, Any] = {}
                for name, value in states[0].items():
                    joint[name] = value.clone() if name == STEP else torch.zeros_like(piece)
                for place, state in zip(group, states, strict=True):
                    assert state, f"{place.name} has no state, though others of its group have"
                    for name in joint.keys() - {STEP}:
                        _shifted(place, group).of(joint[name]).copy_(state[name])
                self._joint.state[piece] = joint
        self._publish_states()

    def _publish_states(self) -> None:
        """Let the networks' own optimisers see their states: as views, and the count of updates shared."""
        self._published = True
        for own, optimizer, pieces in zip(self._own, self._optimizers, self._pieces, strict=True):
            for group, piece in zip(self._groups, pieces, strict=True):
                joint = self._joint.state.get(piece)
                if not joint:
                    self._published = False
                    continue
                for place in group:
                    optimizer.state[own[place.name]] = {
                        name: value if name == STEP else _shifted(place, group).of(value)
                        for name, value in joint.items()
                    }


def _layout(own: dict[str, Parameter], optimizer: Optimizer) -> tuple[list[int], list[list[_Place]], int]:
    """(numbers of the optimiser's groups in which anything is trained, their places in a row, length of a row)."""
    name_of = {id(parameter): name for name, parameter in own.items()}
    numbers, groups, start = [], [], 0
    for number, group in enumerate(optimizer.param_groups):
        places = []
        for parameter in group["params"]:
            if parameter.requires_grad:
                places.append(_Place(name_of[id(parameter)], start, parameter.shape))
                start = _end(places[-1])
        if places:
            numbers.append(number)
            groups.append(places)
    return numbers, groups, start


def _end(place: _Place) -> int:
    """Where the next parameter begins."""
    return place.start + math.ceil(place.shape.numel() / _ALIGNMENT) * _ALIGNMENT


def _shifted(place: _Place, group: Sequence[_Place]) -> _Place:
    """The place within the part of a row that its group takes."""
    return replace(place, start=place.start - group[0].start)


def _constants(policies: Sequence[Policy], trained: set[str]) -> dict[str, Tensor]:
    """Buffers, and parameters that are not trained: name -> (N, ...)."""
    fixed = [
        {**dict(policy.named_buffers()), **{n: p for n, p in policy.named_parameters() if n not in trained}}
        for policy in policies
    ]
    return {name: torch.stack([of[name].detach() for of in fixed]) for name in fixed[0]}
