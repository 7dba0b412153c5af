"""From the features a dataset declares to those a policy may use, by LeRobot's rule.

dtype video or image                  VISUAL, (channels, height, width)
observation.environment_state         ENV
any other name beginning `observation`   STATE
a name beginning `action`             ACTION
everything else                       not offered (rewards, annotations, bookkeeping)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from understudy.core.errors import ConfigError, DataError, nearest

from .info import Feature, Info
from .spec import ENVIRONMENT, DatasetSpec, FeatureSpec, FeatureType

_NO_NUMBERS = ("video", "image", "string", "large_string", "language")


def is_numeric(feature: Feature) -> bool:
    """Whether the feature is a column of numbers (its dtype is neither a picture nor text)."""
    return feature.dtype not in _NO_NUMBERS


def type_of(name: str, feature: Feature) -> FeatureType | None:
    """What the feature called `name` is to a policy; None for what a policy is not offered."""
    if feature.is_visual:
        return FeatureType.VISUAL
    if not is_numeric(feature):
        return None
    if name == ENVIRONMENT:
        return FeatureType.ENV
    if name.startswith("observation"):
        return FeatureType.STATE
    return FeatureType.ACTION if name.startswith("action") else None


def build_spec(info: Info, new_names: Mapping[str, str], left_out: Iterable[str]) -> DatasetSpec:
    """The specification of what a policy may use, in the order of info.json.

    new_names   declared name -> name from here on, for the features that are renamed
    left_out    declared names that are not offered (cameras without files, depth)

    Raises DataError for a camera whose shape cannot be told, or a vector that is no vector.
    """
    skipped = set(left_out)
    features = {}
    for declared, feature in info.features.items():
        name = new_names.get(declared, declared)
        kind = type_of(name, feature)
        if kind is None or declared in skipped:
            continue
        if kind is FeatureType.VISUAL:
            features[name] = FeatureSpec(name, kind, (3, *picture_size(feature, info)))
            continue
        if len(feature.shape) != 1:
            raise DataError(
                f"feature `{declared}` has the shape {list(feature.shape)}; policies take vectors only",
                where=f"{info.path}, features, {declared}",
                hint='rename it to something that does not begin with "observation" or "action" to leave it out: '
                f'--rename_map=\'{{"{declared}": "extra.{declared}"}}\'',
            )
        features[name] = FeatureSpec(name, kind, feature.shape, vector_names(name, feature))
    return DatasetSpec(features, info.fps)


def picture_size(feature: Feature, info: Info) -> tuple[int, int]:
    """(height, width) of a camera: by the names of its axes, else by which end of the shape counts channels (1, 3, 4).

    Where the names contradict the shape (channels 960 high), the shape is believed.
    """
    shape, names = feature.shape, feature.names
    if len(shape) == 3:
        channels_last = (shape[0], shape[1]) if shape[2] in (1, 3, 4) else None
        channels_first = (shape[1], shape[2]) if shape[0] in (1, 3, 4) else None
        said_first = isinstance(names, list) and len(names) == 3 and str(names[0]).startswith("channel")
        found = (channels_first or channels_last) if said_first else (channels_last or channels_first)
        if found:
            return found
    height, width = feature.facts.get("video.height"), feature.facts.get("video.width")
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    raise DataError(
        f"camera `{feature.name}` has the shape {list(shape)}, which tells no height, width and channels",
        where=f"{info.path}, features, {feature.name}",
        hint="write it as [height, width, 3]",
    )


def vector_names(name: str, feature: Feature) -> tuple[str, ...]:
    """One name per entry of a vector, all different: the declared ones if they fit, else `state_0`, `state_1`, ..."""
    found = _flat_names(feature.names)
    length = feature.shape[0]
    if len(found) != length:
        stem = name.rsplit(".", 1)[-1]
        return (stem,) if length == 1 else tuple(f"{stem}_{i}" for i in range(length))
    seen: dict[str, int] = {}
    unique = []
    for entry in found:
        seen[entry] = seen.get(entry, 0) + 1
        unique.append(entry if seen[entry] == 1 else f"{entry}#{seen[entry]}")
    return tuple(unique)


def _flat_names(names: Any) -> list[str]:
    """Names from a list, a list in a list, a dict around lists, or a dict from name to position."""
    if isinstance(names, str):
        return [names]
    if isinstance(names, list):
        return [flat for entry in names for flat in _flat_names(entry)]
    if isinstance(names, dict):
        if names and all(isinstance(position, int) for position in names.values()):
            return [str(entry) for entry in sorted(names, key=lambda entry: names[entry])]
        return [flat for entry in names.values() for flat in _flat_names(entry)]
    return [] if names is None else [str(names)]


def missing_action(spec: DatasetSpec, declared: Iterable[str]) -> list[str]:
    """A line for a dataset whose action has another name than policies look for, or none."""
    if "action" in spec.features:
        return []
    guess = nearest("action", declared)
    hint = f'; if `{guess}` is it: --rename_map=\'{{"{guess}": "action"}}\'' if guess else ""
    return [f"no vector is called `action`, which is what policies learn{hint}"]


def check_rename_map(rename_map: Mapping[str, str], features: Iterable[str]) -> None:
    """Refuse a rename that would do nothing or make two features one. Raises ConfigError."""
    known = list(features)
    for old in rename_map:
        if old not in known:
            guess = nearest(old, known)
            raise ConfigError(
                f"`--rename_map` renames `{old}`, which the dataset does not have",
                hint=f"did you mean `{guess}`?" if guess else f"it has: {', '.join(known)}",
            )
    after = [rename_map.get(name, name) for name in known]
    for name in after:
        if after.count(name) > 1:
            raise ConfigError(f"with `--rename_map` two features of the dataset would be called `{name}`")
