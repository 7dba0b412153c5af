"""Which features several datasets have in common, by name; of vectors also the names of their numbers.

Cameras must agree in size, vectors in length. A vector whose numbers have the same names in another order is put into
the order of the first dataset; where the names differ, they are taken in order, with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import ConfigError

from .spec import ACTION, DatasetSpec, FeatureSpec, FeatureType

if TYPE_CHECKING:
    from .lerobot import Dataset

# degrees are 57 times radians; joints of one robot move about as much in any two of its recordings
_UNLIKE = 15.0
_WHERE = "--dataset.mixture"


@dataclass
class Common:
    """What the datasets share.

    orders   per dataset, feature -> (n,): which of its numbers comes first, second, ... where it has another order
    notes    what was left out or matched by place, a line each
    """

    spec: DatasetSpec
    orders: list[dict[str, np.ndarray]]
    notes: list[str] = field(default_factory=list)


def common_features(datasets: Sequence[Dataset]) -> Common:
    """Raises ConfigError when a feature is not the same everywhere, or none is left to act on or to look at."""
    first = datasets[0].spec
    names = [n for n in first.features if all(n in d.spec.features for d in datasets)]
    common = Common(DatasetSpec({n: first.features[n] for n in names}, first.fps), [{} for _ in datasets])
    _check_something_left(datasets, common.spec)
    for name in names:
        _check_alike(name, datasets)
        if first.features[name].type is not FeatureType.VISUAL:
            _match_names(name, datasets, common)
    left_out = [n for n in dict.fromkeys(n for d in datasets for n in d.spec.features) if n not in names]
    for name in left_out:
        without = ", ".join(d.repo_id for d in datasets if name not in d.spec.features)
        common.notes.append(f"`{name}` is left out: {without} does not have it")
    return common


_RENAME = (
    "features are matched by name; where a dataset has another one: "
    "--dataset.mixture='[..., {repo_id: NAME, rename_map: {there: here}}]'"
)


def _check_something_left(datasets: Sequence[Dataset], common: DatasetSpec) -> None:
    for dataset in datasets:
        if ACTION not in dataset.spec.features:
            raise ConfigError(f"{dataset.repo_id} has no `action`", where=_WHERE, hint=_RENAME)
    if not common.inputs():
        have = "; ".join(f"{d.repo_id} has {', '.join(d.spec.inputs()) or 'none'}" for d in datasets)
        raise ConfigError(f"the datasets have no observation in common: {have}", where=_WHERE, hint=_RENAME)


def _check_alike(name: str, datasets: Sequence[Dataset]) -> None:
    features = [dataset.spec.features[name] for dataset in datasets]
    if len({(feature.type, feature.shape) for feature in features}) == 1:
        return
    sizes = "; ".join(f"{d.repo_id} {_size(f)}" for d, f in zip(datasets, features, strict=True))
    raise ConfigError(f"`{name}` is not the same everywhere: {sizes}", where=_WHERE, hint=_hint(features[0]))


def _size(feature: FeatureSpec) -> str:
    if feature.type is FeatureType.VISUAL:
        return f"{feature.shape[2]}x{feature.shape[1]} pixels"
    return f"{feature.shape[0]} numbers ({', '.join(feature.names)})"


def _hint(feature: FeatureSpec) -> str:
    if feature.type is FeatureType.VISUAL:
        return "pictures of a batch are of one size; to do without this camera, give it another name in one dataset"
    return "datasets of one robot can be joined"


def _match_names(name: str, datasets: Sequence[Dataset], common: Common) -> None:
    wanted = datasets[0].spec.features[name].names
    for position, dataset in enumerate(datasets):
        names = dataset.spec.features[name].names
        if names == wanted:
            continue
        if sorted(names) == sorted(wanted):
            common.orders[position][name] = np.array([names.index(entry) for entry in wanted])
            common.notes.append(f"`{name}` of {dataset.repo_id} is put into the order {', '.join(wanted)}")
        else:
            pairs = ", ".join(f"{b} for {a}" for a, b in zip(wanted, names, strict=True) if a != b)
            common.notes.append(f"`{name}` of {dataset.repo_id} has other names, taken in order: {pairs}")


def unlike_units(joined: Dataset) -> list[str]:
    """A line for each vector that moves so much more in one part than in another that its units must differ."""
    lines = []
    for name, feature in joined.spec.features.items():
        if feature.type is FeatureType.VISUAL:
            continue
        spreads = [np.ptp(part.dataset.columns[name], axis=0) for part in joined.parts]
        for part, spread in zip(joined.parts[1:], spreads[1:], strict=True):
            moves = (spread > 0) & (spreads[0] > 0)
            ratio = float(np.median(spread[moves] / spreads[0][moves])) if moves.any() else 1.0
            if not 1 / _UNLIKE < ratio < _UNLIKE:
                lines.append(
                    f"`{name}` moves {ratio:.3g} times as far in {part.dataset.repo_id} as in "
                    f"{joined.parts[0].dataset.repo_id}: are both in the same units?"
                )
    return lines
