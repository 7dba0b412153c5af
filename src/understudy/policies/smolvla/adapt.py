"""A pretrained SmolVLA on another robot: which of its cameras the dataset has, and how many numbers state and action.

The network itself does not change: it has room for 32 numbers of each, and reads any number of pictures. Camera names
are all it knows a view by, so they are never guessed: `--rename_map` says which is which.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, TypeVar

from understudy.core import log
from understudy.core.errors import ConfigError
from understudy.data.spec import ACTION, STATE, DatasetSpec
from understudy.policies.config import Feature

if TYPE_CHECKING:
    from understudy.policies.smolvla.config import SmolVlaConfig

Config = TypeVar("Config", bound="SmolVlaConfig")


def adapted(config: Config, spec: DatasetSpec) -> tuple[Config, list[str]]:
    """The configuration with the features of the dataset, and what changed, a line each.

    As in LeRobot, the dataset has either some of the policy's cameras, and the others are left out, or more than these,
    and is not looked at with the rest. Raises ConfigError when neither holds, and for what a state or action lacks.
    """
    known, there = config.cameras, spec.cameras
    shared = [name for name in known if name in there]
    absent, unused = [name for name in known if name not in there], [name for name in there if name not in known]
    if not shared or (absent and unused):
        raise _which_is_which(shared, absent, unused)
    changes = [f"{name}: the dataset does not have it, and the policy goes without" for name in absent]
    changes += [f"{name}: the policy does not know it, and does not look at it" for name in unused]
    # the order is that of the pictures' tokens, and it is the policy's; of other features LeRobot takes no notice
    inputs = {name: _feature(spec, name) for name in config.input_features if name in (*shared, STATE)}
    outputs = {ACTION: _feature(spec, ACTION)}
    now = {**inputs, **outputs}
    for name, before in {**config.input_features, **config.output_features}.items():
        if name in (STATE, ACTION) and before.shape != now[name].shape:
            changes.append(f"{name}: {_numbers(now[name])} numbers, where the policy had {_numbers(before)}")
    return config.model_copy(update={"input_features": inputs, "output_features": outputs}), changes


def _numbers(feature: Feature) -> str:
    return " x ".join(map(str, feature.shape))


def _feature(spec: DatasetSpec, name: str) -> Feature:
    found = spec.features.get(name)
    if found is None:
        raise ConfigError(
            f"the policy needs the feature `{name}`, which the dataset does not have",
            where="input_features",
            hint=f"it has {', '.join(spec.features)}; --rename_map gives its features other names",
        )
    return Feature(type=found.type, shape=found.shape)


def _which_is_which(shared: list[str], absent: list[str], unused: list[str]) -> ConfigError:
    """The error for cameras that have to be given the policy's names first."""
    if not unused:
        return ConfigError(
            "SmolVLA needs a camera, and the dataset has none of those that it knows", where=", ".join(absent)
        )
    pairs = ", ".join(f'"{there}": "{known}"' for there, known in zip(unused, absent, strict=False))
    known = f"; both have {', '.join(shared)}" if shared else ""
    return ConfigError(
        f"the policy's cameras are called {', '.join(absent)}, the dataset's {', '.join(unused)}{known}",
        where="input_features",
        hint=f"say which view is which: --rename_map='{{{pairs}}}'; to do without some, name those that are left with "
        "--policy.input_features",
    )


def seen_in_training(config: Config, with_statistics: Collection[str]) -> Config:
    """The configuration of a checkpoint without cameras that its dataset did not have: LeRobot keeps their names.

    with_statistics   features of which the checkpoint stores statistics, which are all that its dataset had
    """
    unseen = [name for name in config.cameras if name not in with_statistics]
    if not unseen or len(unseen) == len(config.cameras):
        return config
    log.warn(f"{', '.join(unseen)}: the policy was trained without, as far as its statistics tell, and runs without")
    inputs = {name: feature for name, feature in config.input_features.items() if name not in unseen}
    return config.model_copy(update={"input_features": inputs})
