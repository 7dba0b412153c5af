"""Statistics of the frames that are trained on: minimum, maximum, mean, standard deviation (ddof 0), quantiles, count.

The formulas are LeRobot's, with two differences. Its quantiles are those of a histogram of 5000 bins per episode,
averaged or widened over episodes; these are exact over all frames. And LeRobot 0.4 squares pixels as 8-bit numbers,
which overflow, so the std that it stores for pictures is wrong; this one is right. Pictures are measured in 0..1, per
channel, on a sample of each episode's frames, larger ones thinned out, both as LeRobot does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import DataError

from .picture_levels import picture_levels
from .spec import Statistics
from .zero_spread import guard_zero_spread

if TYPE_CHECKING:
    from .frame_spec import Frames
    from .lerobot import Dataset

__all__ = ["aggregate", "compute_statistics", "guard_zero_spread", "use_imagenet"]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

# numbers of which a copy is made at once
_COPIED_WHOLE = 1_000_000

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def compute_statistics(
    dataset: Dataset, episodes: Sequence[int], frames: Frames | None, cache: Path | None = None
) -> Statistics:
    """Statistics over the episodes with these indices: every column, and the cameras if `frames` is given.

    cache   where the levels of pictures are kept from run to run (picture_levels.py); None measures them here and now

    returns   feature -> statistic -> float64: (n,) for vectors, (3, 1, 1) for cameras, `count` (1,)

    Raises DataError when no episode is left to measure.
    """
    wanted = set(episodes)
    chosen = [episode for episode in dataset.episodes if episode.index in wanted]
    if not chosen:
        raise DataError("there is no episode to compute statistics from", where=dataset.repo_id)
    rows = np.concatenate([np.arange(e.start, e.start + e.length) for e in chosen])
    found = {name: of_rows(values[rows]) for name, values in dataset.columns.items()}
    if frames is not None:
        for camera in dataset.spec.cameras:
            found[camera] = of_histogram(*_levels(dataset, camera, wanted, frames, cache))
    return found


def _levels(
    dataset: Dataset, camera: str, wanted: Collection[int], frames: Frames, cache: Path | None
) -> tuple[np.ndarray, int]:
    """Levels and pictures counted, over all parts of the dataset."""
    found = []
    for part in dataset.parts:
        episodes = [e for e in part.dataset.episodes if e.index + part.first_episode in wanted]
        if episodes:
            found.append(picture_levels(part, camera, episodes, frames, cache))
    total: np.ndarray = np.sum([levels for levels, _ in found], axis=0)
    return total, sum(count for _, count in found)


def of_rows(values: np.ndarray) -> dict[str, np.ndarray]:
    """Statistics of (rows, n) numbers."""
    # one dimension at a time, so that a long column is not copied whole
    width = values.shape[1] if values.size <= _COPIED_WHOLE else 1
    parts = [_of_dimensions(values[:, first : first + width]) for first in range(0, values.shape[1], width)]
    stats = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return stats | {"count": np.array([len(values)], np.float64)}


def _of_dimensions(values: np.ndarray) -> dict[str, np.ndarray]:
    """Of (rows, n), each (n,)."""
    columns = np.ascontiguousarray(values.T, dtype=np.float64)
    stats = {"min": columns.min(1), "max": columns.max(1), "mean": columns.mean(1), "std": columns.std(1)}
    return stats | dict(zip(QUANTILES, np.quantile(columns, list(QUANTILES.values()), axis=1), strict=True))


def of_histogram(histogram: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Statistics of `count` pictures from their levels (3, 256): it loses nothing, so quantiles are exact as well."""
    level = np.arange(256) / 255.0
    pixels = histogram.sum(1)
    mean = histogram @ level / pixels
    deviation = np.maximum(histogram @ level**2 / pixels - mean**2, 0.0)
    seen = [np.flatnonzero(channel) for channel in histogram]
    stats = {
        "min": np.array([level[levels[0]] for levels in seen]),
        "max": np.array([level[levels[-1]] for levels in seen]),
        "mean": mean,
        "std": np.sqrt(deviation),
    }
    for name, q in QUANTILES.items():
        stats[name] = np.array([_quantile(channel, q) for channel in histogram]) / 255.0
    shaped = {name: value.reshape(3, 1, 1) for name, value in stats.items()}
    return shaped | {"count": np.array([count], np.float64)}


def _quantile(histogram: np.ndarray, q: float) -> float:
    """Of the levels counted in `histogram`, interpolated between neighbours in rank as numpy does."""
    cumulated = np.cumsum(histogram)
    rank = q * (cumulated[-1] - 1)
    low = int(np.searchsorted(cumulated, np.floor(rank), side="right"))
    high = int(np.searchsorted(cumulated, np.ceil(rank), side="right"))
    return float(low + (high - low) * (rank - np.floor(rank)))


def use_imagenet(statistics: Statistics, cameras: Sequence[str]) -> Statistics:
    """The same statistics with ImageNet's mean and std for the cameras, as pretrained backbones expect."""
    mean, std = (np.array(values).reshape(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    changed = {camera: statistics.get(camera, {}) | {"mean": mean, "std": std} for camera in cameras}
    return statistics | changed


def aggregate(parts: Sequence[Statistics]) -> Statistics:
    """Statistics of several sets as those of their union, feature by feature, by LeRobot's rule.

    Means are weighted by count, variances are joined with the spread of the means; a quantile, which cannot be joined
    exactly, is the lowest up to q50 and the highest above (LeRobot 0.6).

    Raises DataError when the sets disagree on a shape, or a count is missing.
    """
    features = dict.fromkeys(name for part in parts for name in part)
    return {name: _joined(name, [part[name] for part in parts if name in part]) for name in features}


def _joined(name: str, parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    keys = [key for key in parts[0] if all(key in part for part in parts)]
    _check_joinable(name, parts, keys)
    counts = np.array([part["count"][0] for part in parts])
    joined: dict[str, np.ndarray] = {}
    if "mean" in keys:
        joined["mean"] = np.average([part["mean"] for part in parts], axis=0, weights=counts)
    if "std" in keys and "mean" in keys:
        spread = [part["std"] ** 2 + (part["mean"] - joined["mean"]) ** 2 for part in parts]
        joined["std"] = np.sqrt(np.average(spread, axis=0, weights=counts))
    for key in keys:
        if extreme := _extreme(key):
            joined[key] = extreme([part[key] for part in parts], axis=0)
    return {key: joined[key] for key in keys if key in joined} | {"count": np.array([counts.sum()])}


def _check_joinable(name: str, parts: list[dict[str, np.ndarray]], keys: list[str]) -> None:
    for key in keys:
        if len({part[key].shape for part in parts}) > 1:
            raise DataError(f"the statistic `{key}` of `{name}` has different shapes in different episodes")
    if "count" not in keys or parts[0]["count"].shape != (1,):
        raise DataError(f"the statistics of `{name}` cannot be joined: a `count` is missing or not a single number")


def _extreme(key: str) -> Callable[..., np.ndarray] | None:
    """The lowest of a `min` or a lower quantile, the highest of a `max` or an upper one; None for the others."""
    if key in ("min", "max"):
        return np.min if key == "min" else np.max
    if key.startswith("q") and key[1:].isdigit():
        return np.min if int(key[1:]) <= 50 else np.max
    return None
