"""Dimensions that never move: given a scale that neither divides by zero nor magnifies, and reported by name."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .spec import DatasetSpec, FeatureSpec, FeatureType, Statistics

# what a dimension that never moved is divided by: an observation keeps its own units ...
OBSERVATION_SCALE = 1.0
# ... and an action's prediction is multiplied by it, so that it stays at the constant
ACTION_SCALE = 1e-3

# a spread below this share of the values is rounding (float32 holds 7 digits)
_RELATIVE = 1e-6

_PAIRS = (("min", "max"), ("q01", "q99"), ("q10", "q90"))


def guard_zero_spread(statistics: Statistics, spec: DatasetSpec) -> tuple[Statistics, list[str]]:
    """(the statistics with safe scales, a line per feature that names what never moves).

    LeRobot divides by std + 1e-8, so a joint that stood still in training is magnified a hundred million times as soon
    as it moves in a held-out episode or on the robot. A dimension whose max - min is at most 1e-6 of its values, or
    whose std is 0, gets std 1 if it is observed, so that motion keeps its own units, and 1e-3 if it is an action, so
    that what the network predicts for it, about 0 +- 1, stays at the constant. The bounds (min and max, pairs of
    quantiles) are set apart to the same scale. A pair of quantiles that coincides although the dimension moves (a
    gripper that is closed in less than 1 % of the frames) is replaced by min and max.
    """
    guarded = dict(statistics)
    warnings = []
    for name, feature in spec.features.items():
        if name not in statistics:
            continue
        still, guarded[name], narrow = _guarded(statistics[name], feature)
        if still.any():
            scale = ACTION_SCALE if feature.type is FeatureType.ACTION else OBSERVATION_SCALE
            warnings.append(
                f"`{name}`: {_count(still)} over the training episodes and get the scale {scale:g}: "
                f"{_named(feature, still)}"
            )
        if narrow.any():
            warnings.append(
                f"`{name}`: {_count(narrow)} between outer quantiles; min and max are used: {_named(feature, narrow)}"
            )
    return guarded, warnings


def _guarded(
    stats: dict[str, np.ndarray], feature: FeatureSpec
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """(dimensions that never move, the statistics made safe, dimensions with coinciding quantiles)."""
    safe = {key: np.array(value, dtype=np.float64) for key, value in stats.items()}
    still = _still(safe)
    narrow = np.zeros_like(still)
    scale = ACTION_SCALE if feature.type is FeatureType.ACTION else OBSERVATION_SCALE
    if "std" in safe:
        safe["std"][still] = scale
    for low, high in _PAIRS:
        if low not in safe or high not in safe:
            continue
        if low != "min" and "min" in safe and "max" in safe:
            coincide = _coincide(safe[low], safe[high]) & ~still
            safe[low][coincide], safe[high][coincide] = safe["min"][coincide], safe["max"][coincide]
            narrow |= coincide
        middle = (safe[low] + safe[high]) / 2
        # in float32 a value of 1e6 cannot be told from one 1e-3 further
        apart = np.maximum(scale, np.abs(middle) * _RELATIVE)
        safe[low][still], safe[high][still] = (middle - apart)[still], (middle + apart)[still]
    return still, safe, narrow


def _still(stats: dict[str, np.ndarray]) -> np.ndarray:
    shape = next((value.shape for key, value in stats.items() if key != "count"), (0,))
    still = np.zeros(shape, dtype=bool)
    if "std" in stats:
        # of a constant that float64 cannot hold exactly, such as 0.4, the std comes out as 1e-16
        still |= stats["std"] <= 1e-9 * np.abs(stats.get("mean", np.zeros(())))
    if "min" in stats and "max" in stats:
        still |= _coincide(stats["min"], stats["max"])
    return still


def _coincide(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.asarray(high - low <= _RELATIVE * np.maximum(np.abs(low), np.abs(high)))


def _count(dimensions: np.ndarray) -> str:
    number = int(dimensions.sum())
    return f"{number} of {dimensions.size} dimensions never move" if number > 1 else "a dimension never moves"


def _named(feature: FeatureSpec, dimensions: np.ndarray) -> str:
    places: Iterable[int] = np.flatnonzero(dimensions.ravel()).tolist()
    names = feature.names or ("red", "green", "blue")
    return ", ".join(f"{names[place]} ({place})" for place in places)
