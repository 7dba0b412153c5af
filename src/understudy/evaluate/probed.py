"""What the probes found, in numbers and in words. probes.py says what each of them does.

The words follow from the ratio of the error with the spoiled input to the error with the true one:

    below 1.05    it is not looking        (the state: it does not use it; cameras swapped: it does not tell them apart)
    below 1.2     it hardly looks
    below 2       it looks
    from 2 on     it depends on them
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from understudy.data.spec import IMAGES
from understudy.policies.action_error import ActionError, overall

from .probes import INTACT

IGNORED, HARDLY, STRONG = 1.05, 1.2, 2.0
# errors below this are none: a perfect policy that stays perfect has the ratio 1
_NONE = 1e-12

_WORDS = {
    "cameras": ("it is not looking", "it hardly looks", "it looks", "it depends on them"),
    "camera": ("it is not looking at it", "it hardly looks at it", "it looks at it", "it depends on it"),
    "order": (
        "it does not tell them apart",
        "it hardly tells them apart",
        "it tells them apart",
        "it depends on which is which",
    ),
    "state": ("it does not use it", "it hardly uses it", "it uses it", "it depends on it"),
}
_PROBES = {
    "cameras_blank": ("cameras blanked", "cameras"),
    "cameras_shuffled": ("cameras shuffled", "cameras"),
    "cameras_swapped": ("cameras swapped", "order"),
    "state_blank": ("state blanked", "state"),
    "state_shuffled": ("state shuffled", "state"),
}
_ONE_CAMERA = "camera_blank."


@dataclass(frozen=True)
class Probed:
    """Errors with spoiled inputs, on the same frames.

    errors      "intact" and each probe -> error
    deviation   (A,) standard deviation of each joint in the training data, None if the policy does not know it
    frames      how many frames were probed
    """

    errors: dict[str, ActionError]
    deviation: np.ndarray | None
    frames: int

    @property
    def names(self) -> list[str]:
        """The probes, in the order they are told in."""
        return [name for name in self.errors if name != INTACT]

    def error(self, name: str = INTACT) -> float:
        """In standard deviations where they are known, else the plain mean over the joints."""
        deviation = None if self.deviation is None else torch.from_numpy(self.deviation)
        return overall(self.errors[name], deviation)

    def ratio(self, name: str) -> float:
        """Error with the probe divided by that with the true observation; NaN where the policy no longer answers."""
        return max(self.error(name), _NONE) / max(self.error(), _NONE)

    def finding(self, name: str) -> str:
        """'error rises 2 %: it is not looking'."""
        ratio = self.ratio(name)
        return f"{change(ratio)}: {_WORDS[_spoiled(name)][_rank(ratio)]}" if math.isfinite(ratio) else change(ratio)

    def sentence(self, name: str) -> str:
        """'cameras blanked: error rises 2 %: it is not looking'."""
        return f"{title(name)}: {self.finding(name)}"

    def verdict(self) -> list[str]:
        """What a person has to know, a sentence each: of the cameras, and of the state where that says much."""
        said = []
        if "cameras_shuffled" in self.errors:
            said.append(self.sentence("cameras_shuffled"))
            blank, shuffled = self.ratio("cameras_blank"), self.ratio("cameras_shuffled")
            if shuffled < IGNORED and blank >= HARDLY:
                said.append("blank pictures confuse it, yet what real ones show makes no difference")
        elif "cameras_blank" in self.errors:
            said.append(self.sentence("cameras_blank"))
        if "state_shuffled" in self.errors and (not said or not HARDLY <= self.ratio("state_shuffled") < STRONG):
            said.append(self.sentence("state_shuffled"))
        return said

    def to_json(self, joints: list[str]) -> dict[str, Any]:
        """Probe -> action_mae by joint, its mean, action_error, ratio and finding; null for what is not finite."""
        document = {}
        for name in self.names:
            mae = [_number(value) for value in self.errors[name].per_joint().tolist()]
            document[name] = {
                "action_mae": dict(zip(joints, mae, strict=True)),
                "action_mae_mean": _number(float(self.errors[name].per_joint().mean())),
                "action_error": None if self.deviation is None else _number(self.error(name)),
                "ratio": _number(self.ratio(name)),
                "title": title(name),
                "finding": self.finding(name),
            }
        return document


def title(name: str) -> str:
    """'cameras_blank' -> 'cameras blanked'; 'camera_blank.observation.images.front' -> 'camera front blanked'."""
    if name.startswith(_ONE_CAMERA):
        return f"camera {name.removeprefix(_ONE_CAMERA).removeprefix(IMAGES)} blanked"
    return _PROBES[name][0]


def change(ratio: float) -> str:
    """1.02 -> 'error rises 2 %'; 0.97 -> 'error falls 3 %'; 3.1 -> 'error 3.1 times as large'."""
    if not math.isfinite(ratio):
        return "its predictions are no longer finite"
    if ratio >= STRONG:
        return f"error {ratio:.1f} times as large" if ratio < 1000 else "error over 1,000 times as large"
    percent = round(100 * (ratio - 1))
    return f"error {'rises' if percent > 0 else 'falls'} {abs(percent)} %" if percent else "error stays the same"


def _spoiled(name: str) -> str:
    return "camera" if name.startswith(_ONE_CAMERA) else _PROBES[name][1]


def _rank(ratio: float) -> int:
    return sum(ratio >= threshold for threshold in (IGNORED, HARDLY, STRONG))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
