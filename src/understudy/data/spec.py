"""What a dataset holds and what a batch looks like: names, kinds, shapes. No reader, no file, no torch at import.

Names are LeRobot's: `observation.state`, `observation.images.<camera>`, `observation.environment_state`, `action`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch

# LeRobot's names of what a robot knows of itself and of its surroundings, what the name of each camera begins with, and
# what the robot is to do
STATE, ENVIRONMENT, IMAGES = "observation.state", "observation.environment_state", "observation.images."
# under which an observation holds all that a policy has already read of it, instead of any picture
MEMORY = "observation.memory"
ACTION = "action"


def seen_name(camera: str) -> str:
    """Under which name an observation holds what the policy has already seen in a camera, instead of its pictures."""
    return f"{camera}.seen"


# feature -> statistic ("mean", "std", "min", "max", "count", "q01", ...) -> float array; images (3, 1, 1), in 0..1
Statistics = dict[str, dict[str, "np.ndarray"]]


class FeatureType(StrEnum):
    """What a feature is to a policy, in LeRobot's words."""

    STATE = "STATE"
    ENV = "ENV"
    VISUAL = "VISUAL"
    ACTION = "ACTION"


@dataclass(frozen=True)
class FeatureSpec:
    """One feature: `shape` is (n,) for vectors and (channels, height, width) for cameras."""

    name: str
    type: FeatureType
    shape: tuple[int, ...]
    # one per entry of a vector ("shoulder_pan.pos", ...), already made to fit the length; () for cameras
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetSpec:
    """What a policy can be built from: the features it may use, in the dataset's order, and the control rate."""

    features: dict[str, FeatureSpec]
    fps: float

    @property
    def cameras(self) -> list[str]:
        return [name for name, feature in self.features.items() if feature.type is FeatureType.VISUAL]

    @property
    def action(self) -> FeatureSpec:
        return self.features["action"]

    def inputs(self) -> dict[str, FeatureSpec]:
        """Everything a policy may look at."""
        return {n: f for n, f in self.features.items() if f.type is not FeatureType.ACTION}

    def outputs(self) -> dict[str, FeatureSpec]:
        """What a policy has to produce."""
        return {n: f for n, f in self.features.items() if f.type is FeatureType.ACTION}


@dataclass
class Batch:
    """Windows cut from episodes, in the dataset's own units (not normalised).

    observation    name -> (B, n) float32 for vectors; (B, 3, h, w) uint8 for cameras, or what a policy
                   has made of them, under `seen_name` and MEMORY
    action         (B, S, A) float32; past the end of an episode its last action is repeated
    action_is_pad  (B, S) bool, true where the window runs past the end of its episode
    task           the instruction of each window's first frame, in words
    rows           (B,) int64 numpy array: which frames these are, as rows of the loaded dataset
    valid_steps    where this is one of several parts that make an update together: a number, how many actions inside
                   their episode the parts have on average; losses that divide by it are, averaged over the parts, the
                   loss of the whole
    """

    observation: dict[str, torch.Tensor]
    action: torch.Tensor
    action_is_pad: torch.Tensor
    task: list[str] = field(default_factory=list)
    rows: np.ndarray | None = None
    valid_steps: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.action)

    def tensors(self) -> list[torch.Tensor]:
        """All of its tensors."""
        found = [*self.observation.values(), self.action, self.action_is_pad]
        return found if self.valid_steps is None else [*found, self.valid_steps]

    def pinned(self) -> Batch:
        """The same batch in page-locked memory, which CUDA copies from while the program goes on."""

        def pin(value: torch.Tensor) -> torch.Tensor:
            return value if value.is_cuda else value.pin_memory()

        return self._moved(pin)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on `device`."""
        import torch

        # elsewhere than on CUDA a copy that does not wait may be read before it has arrived (NaN on MPS)
        ahead = torch.device(device).type == "cuda"
        return self._moved(lambda value: value.to(device, non_blocking=ahead))

    def _moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        return Batch(
            {name: move(value) for name, value in self.observation.items()},
            move(self.action),
            move(self.action_is_pad),
            self.task,
            self.rows,
            None if self.valid_steps is None else move(self.valid_steps),
        )
