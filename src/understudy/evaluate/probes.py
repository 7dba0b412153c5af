"""What the policy looks at, found by taking it away: its error with one input spoiled, beside the error with none.

    cameras_blank      every picture is one colour, the mean of its camera
    cameras_shuffled   every picture is real, but of another moment (all cameras of the same one)
    cameras_swapped    each camera shows what another camera of its size sees
    state_blank        the mean state
    state_shuffled     the state of another moment
    camera_blank.NAME  one camera blanked, where there are several

Shuffled is the fairer test. A blank picture is like nothing the network ever saw, so its error may rise merely because
it is confused; a real picture of another moment confuses only a policy that uses what is in the picture. The means are
those of the probed frames themselves: a policy's stored statistics often hold ImageNet's colour, not this scene's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from understudy.core.log import progress
from understudy.core.rng import Rng
from understudy.data.rows import evenly_spaced
from understudy.data.spec import FeatureType
from understudy.policies.action_error import ActionError

from .baselines import add_errors
from .predictions import predict

if TYPE_CHECKING:
    from understudy.data.windows import Windows
    from understudy.policies.base import Policy

Observation = dict[str, Tensor]

INTACT = "intact"
# what the mean colour and the mean state are taken from
_MEAN_FRAMES = 64
_FRAMES_AT_ONCE = 8


@dataclass(frozen=True)
class Probe:
    """One way of spoiling what the policy sees.

    change   (true observation, that of another moment) -> what the policy is shown instead of the true one
    """

    name: str
    change: Callable[[Observation, Observation], Observation]


def probe(policy: Policy, windows: Windows, rows: np.ndarray, batch_size: int) -> dict[str, ActionError]:
    """ "intact" and the name of each probe -> error on the same `rows`, with the same randomness.

    Deterministic. Each row is predicted once per probe, so the caller bounds the cost by the number of rows.
    """
    partner = rows[others(len(rows))]
    probes = [Probe(INTACT, lambda own, other: own), *probes_of(policy, windows, rows)]
    errors: dict[str, ActionError] = {}
    with progress("probing", len(rows) * len(probes), "predictions") as advance:
        for first in range(0, len(rows), batch_size):
            batch = windows.gather(rows[first : first + batch_size])
            other = windows.gather(partner[first : first + batch_size]).observation
            for each in probes:
                predicted = predict(policy, each.change(batch.observation, other), batch.task, Rng(0, first))
                add_errors(errors, {each.name: predicted}, batch.action, batch.action_is_pad)
                advance(len(predicted))
    return errors


def others(count: int) -> np.ndarray:
    """(count,) for each of `count` frames another one, each used once: a random cycle through all, always the same."""
    order = Rng(0).numpy("shuffled observations").permutation(count)
    partner = np.empty(count, np.int64)
    partner[order] = np.roll(order, -1)
    return partner


def probes_of(policy: Policy, windows: Windows, rows: np.ndarray) -> list[Probe]:
    """The probes that mean something for what this policy reads; shuffling needs two frames or more."""
    cameras = windows.cameras
    vectors = [name for name, f in policy.config.input_features.items() if f.type is not FeatureType.VISUAL]
    means = _means(windows, rows)
    found = []
    if cameras:
        found.append(Probe("cameras_blank", _blanked(means, cameras)))
        if len(rows) > 1:
            found.append(Probe("cameras_shuffled", _shuffled(cameras)))
    if len(cameras) > 1:
        found += [Probe(f"camera_blank.{name}", _blanked(means, [name])) for name in cameras]
        exchange = exchanged(cameras, {name: policy.config.input_features[name].shape for name in cameras})
        if exchange:
            found.append(Probe("cameras_swapped", lambda own, other: own | {n: own[e] for n, e in exchange.items()}))
    if vectors:
        found.append(Probe("state_blank", _blanked(means, vectors)))
        if len(rows) > 1:
            found.append(Probe("state_shuffled", _shuffled(vectors)))
    return found


def exchanged(cameras: list[str], shapes: dict[str, tuple[int, ...]]) -> dict[str, str]:
    """camera -> the next one of the same size, round in a circle; cameras of a size of their own are left out."""
    found: dict[str, str] = {}
    for shape in dict.fromkeys(shapes[name] for name in cameras):
        alike = [name for name in cameras if shapes[name] == shape]
        if len(alike) > 1:
            found |= dict(zip(alike, [*alike[1:], alike[0]], strict=True))
    return found


def _means(windows: Windows, rows: np.ndarray) -> Observation:
    """Vector -> (1, n), camera -> (1, 3, 1, 1) its mean colour: over some of the rows, in the inputs' own dtypes."""
    chosen = evenly_spaced(rows, _MEAN_FRAMES)
    sums: Observation = {}
    for first in range(0, len(chosen), _FRAMES_AT_ONCE):
        for name, value in windows.gather(chosen[first : first + _FRAMES_AT_ONCE]).observation.items():
            # float32 adds the pixels of a picture, float64 the pictures
            each = value.float().mean((2, 3), keepdim=True) if value.dim() == 4 else value
            sums[name] = sums.get(name, torch.zeros(())) + each.double().sum(0, keepdim=True)
    means = {name: total / len(chosen) for name, total in sums.items()}
    return {name: m.round().to(torch.uint8) if m.dim() == 4 else m.float() for name, m in means.items()}


def _blanked(means: Observation, names: list[str]) -> Callable[[Observation, Observation], Observation]:
    return lambda own, other: own | {name: means[name].expand_as(own[name]).clone() for name in names}


def _shuffled(names: list[str]) -> Callable[[Observation, Observation], Observation]:
    return lambda own, other: own | {name: other[name] for name in names}
