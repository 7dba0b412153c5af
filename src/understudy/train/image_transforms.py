"""LeRobot's options for random changes of pictures while training. Light: importing this imports no torch.

LeRobot names a class of torchvision and its arguments; of these, the ones in its defaults are known here. Entries of
another kind are kept as they are, and refused once `enable` is true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from understudy.nn.augment import Augment

Range = tuple[float, float]
# kind of change (nn/augment.py) and the ranges of its amounts
Change = tuple[str, tuple[Range, ...]]


class TransformConfig(BaseModel):
    """One entry of `tfs`: how often it is drawn, and LeRobot's name for what it is.

    weight   relative to the other entries'; 0 or less: never
    type     ColorJitter, SharpnessJitter, RandomAffine, or Identity (nothing)
    kwargs   torchvision's arguments: ranges that amounts are drawn from uniformly
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weight: float = 1.0
    type: str = "Identity"
    kwargs: dict[str, Any] = Field(default_factory=dict)

    def changes(self) -> list[Change]:
        """What it does. Raises ValueError for a type or an argument that is not offered."""
        if self.type not in _READERS:
            raise ValueError(f"`{self.type}` is not offered; {', '.join(_READERS)} are")
        known, read = _READERS[self.type]
        foreign = sorted(set(self.kwargs) - set(known))
        if foreign:
            raise ValueError(f"{self.type} takes {', '.join(known) or 'no arguments'} here, not {', '.join(foreign)}")
        return read(self.kwargs)


def _defaults() -> dict[str, TransformConfig]:
    entries: dict[str, tuple[str, dict[str, list[float]]]] = {
        "brightness": ("ColorJitter", {"brightness": [0.8, 1.2]}),
        "contrast": ("ColorJitter", {"contrast": [0.8, 1.2]}),
        "saturation": ("ColorJitter", {"saturation": [0.5, 1.5]}),
        "hue": ("ColorJitter", {"hue": [-0.05, 0.05]}),
        "sharpness": ("SharpnessJitter", {"sharpness": [0.5, 1.5]}),
        "affine": ("RandomAffine", {"degrees": [-5.0, 5.0], "translate": [0.05, 0.05]}),
    }
    return {name: TransformConfig(type=kind, kwargs=ranges) for name, (kind, ranges) in entries.items()}


class ImageTransformsConfig(BaseModel):
    """Random changes of pictures while training; held-out episodes are measured on pictures as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enable: bool = Field(False, description="change pictures at random while training")
    max_num_transforms: int = Field(3, ge=0, description="how many of tfs each picture gets, drawn by their weights")
    random_order: bool = Field(False, description="apply them in the order they were drawn in, not as listed in tfs")
    tfs: dict[str, TransformConfig] = Field(
        default_factory=_defaults,
        description="name -> {weight, type, kwargs}: ColorJitter, SharpnessJitter, RandomAffine with ranges",
    )

    @model_validator(mode="after")
    def _can_be_done(self) -> ImageTransformsConfig:
        if not self.enable:
            return self
        for name, entry in self.tfs.items():
            try:
                entry.changes()
            except ValueError as error:
                raise ValueError(f"tfs, {name}: {error}") from None
        if not self.max_num_transforms or not any(entry.weight > 0 for entry in self.tfs.values()):
            raise ValueError(
                "enable=true, but nothing would be changed: "
                "max_num_transforms and the weight of at least one entry of tfs have to be above 0"
            )
        return self

    def build(self) -> Augment | None:
        """What changes a batch, None when they are off."""
        if not self.enable:
            return None
        from understudy.nn import augment

        transforms = [
            augment.Transform(entry.weight, tuple(augment.Change(*change) for change in entry.changes()))
            for entry in self.tfs.values()
            if entry.weight > 0
        ]
        return augment.Augment(transforms, self.max_num_transforms, random_order=self.random_order)


# -- torchvision's arguments ------------------------------------------------------------------------------------------


def _factors(kwargs: Mapping[str, Any]) -> list[Change]:
    """Factors around 1: a number v stands for max(0, 1 - v)..1 + v. Hue is a part of the circle: -v..v."""
    found: list[Change] = []
    for name, value in kwargs.items():
        if value is None:
            continue
        centre, least, most = (0.0, -0.5, 0.5) if name == "hue" else (1.0, 0.0, math.inf)
        low, high = _range(name, value, centre, least, most)
        if not low == high == centre:
            found.append((name, ((low, high),)))
    return found


def _affine(kwargs: Mapping[str, Any]) -> list[Change]:
    if kwargs.get("degrees") is None:
        raise ValueError("RandomAffine needs degrees")
    degrees = _range("degrees", kwargs["degrees"], 0.0, -math.inf, math.inf)
    right, down = _pair("translate", kwargs.get("translate") or [0.0, 0.0])
    if not (0 <= right <= 1 and 0 <= down <= 1):
        raise ValueError("translate: shares of width and height are expected, each from 0 to 1")
    scale = _range("scale", kwargs.get("scale") or [1.0, 1.0], 1.0, 0.0, math.inf)
    if scale[0] <= 0:
        raise ValueError("scale: numbers above 0 are expected")
    shear = kwargs.get("shear") or 0.0
    if isinstance(shear, Sequence) and len(shear) == 4:
        shears = (_range("shear", shear[:2], 0.0, -90, 90), _range("shear", shear[2:], 0.0, -90, 90))
    else:
        shears = (_range("shear", shear, 0.0, -90, 90), (0.0, 0.0))
    return [("affine", (degrees, (-right, right), (-down, down), scale, *shears))]


def _nothing(kwargs: Mapping[str, Any]) -> list[Change]:
    return []


_READERS: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], list[Change]]]] = {
    "ColorJitter": (("brightness", "contrast", "saturation", "hue"), _factors),
    "SharpnessJitter": (("sharpness",), _factors),
    "RandomAffine": (("degrees", "translate", "scale", "shear"), _affine),
    "Identity": ((), _nothing),
}


def _range(name: str, value: Any, centre: float, least: float, most: float) -> Range:
    """[low, high] within the limits; a number v stands for `centre` -v..+v, cut off at `least`, as in torchvision."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(f"{name}: a single number must not be negative, got {value:g}")
        value = [max(centre - value, least) if centre else centre - value, centre + value]
    low, high = _pair(name, value)
    if not least <= low <= high <= most:
        limits = (
            f" between {least:g} and {most:g}" if math.isfinite(most) else f" from {least:g} on" if not least else ""
        )
        raise ValueError(f"{name}: [low, high]{limits} is expected, got [{low:g}, {high:g}]")
    return low, high


def _pair(name: str, value: Any) -> Range:
    numbers = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if len(numbers) != 2 or not all(
        isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in numbers
    ):
        raise ValueError(f"{name}: a number or [low, high] is expected, got {value}")
    low, high = map(float, numbers)
    return low, high
