"""ALOHA's joints and grippers <-> those that pi0 was trained with (`adapt_to_pi_aloha`), as LeRobot converts them.

Two arms of seven numbers each. Two joints of each arm turn the other way, and ALOHA tells how far a gripper is open
along its rail, where pi0 has the angle of the motor. The numbers were measured by others on Trossen's arms.
"""

from __future__ import annotations

import torch
from torch import Tensor

_FLIPPED = (1, 2, 8, 9)
_GRIPPERS = (6, 13)
# metres: the rail's ends, the horn's radius, the rod's length
_CLOSED, _OPEN = 0.01844, 0.058
_HORN, _ROD = 0.022, 0.036
# radians: pi0's range, and that of ALOHA's puppet arms
_PI0, _ALOHA = (0.4, 1.5), (-0.6213, 1.4910)


def state_to_pi0(state: Tensor) -> Tensor:
    """(..., 14) as the robot tells it -> as pi0 knows it."""
    place = state[..., _GRIPPERS] * (_OPEN - _CLOSED) + _CLOSED
    sine = (_HORN**2 + place.square() - _ROD**2) / (2 * _HORN * place)
    angle = torch.asin(sine.clamp(-1, 1))
    return _changed(state, (angle - _PI0[0]) / (_PI0[1] - _PI0[0]))


def actions_to_pi0(actions: Tensor) -> Tensor:
    """(..., 14) as demonstrated -> as pi0 knows it."""
    angle = actions[..., _GRIPPERS] * (_ALOHA[1] - _ALOHA[0]) + _ALOHA[0]
    return _changed(actions, (angle - _PI0[0]) / (_PI0[1] - _PI0[0]))


def actions_from_pi0(actions: Tensor) -> Tensor:
    """The inverse of `actions_to_pi0`."""
    angle = actions[..., _GRIPPERS] * (_PI0[1] - _PI0[0]) + _PI0[0]
    return _changed(actions, (angle - _ALOHA[0]) / (_ALOHA[1] - _ALOHA[0]))


def _changed(values: Tensor, grippers: Tensor) -> Tensor:
    """A copy of `values` with the joints flipped and the grippers replaced."""
    values = values.clone()
    values[..., _FLIPPED] = -values[..., _FLIPPED]
    values[..., _GRIPPERS] = grippers
    return values
