"""Weights of LeRobot 0.3 and earlier: their statistics are buffers among the weights. Here they are taken out.

    normalize_inputs.buffer_observation_images_top.mean      every dot of the feature's name became an underscore
    unnormalize_outputs.buffer_action.std                    the action's; normalize_targets.* holds the same numbers
    normalize_inputs.so100-blue_buffer_observation_state.mean    early SmolVLA: a variant of the data before `buffer`

Names are matched from the features of `config.json` to the buffers. The other way round would turn every underscore
into a dot and lose cameras such as `wrist_cam`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from understudy.core.errors import StatisticMissing
from understudy.data.spec import Statistics

MODULES = ("normalize_inputs", "normalize_targets", "unnormalize_outputs")
_BUFFER = re.compile(
    rf"(?P<module>{'|'.join(MODULES)})\.(?P<variant>so\d+(?:-[\w-]+?)?_)?buffer_(?P<feature>.+)\.(?P<statistic>\w+)"
)


def plain_name(name: str) -> str:
    """The name of a tensor without the `_orig_mod` that torch.compile leaves in it."""
    return name.replace("._orig_mod", "").removeprefix("_orig_mod.")


def without_compiler_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under their plain names."""
    return {plain_name(name): tensor for name, tensor in weights.items()}


def is_statistic(name: str) -> bool:
    """Whether an entry among the weights is one of the old normalisation buffers."""
    return name.startswith(tuple(f"{module}." for module in MODULES))


def old_statistics(weights: Mapping[str, Tensor], features: Iterable[str]) -> Statistics:
    """The statistics of `features` out of old buffers; features without buffers are absent from the result.

    Raises StatisticMissing when the buffers were never computed (infinite) or belong to several robots at once.
    """
    buffers: dict[tuple[str, str], dict[str, Tensor]] = {}
    variants = set()
    for name, tensor in weights.items():
        if match := _BUFFER.fullmatch(name):
            variants.add(match["variant"])
            buffers.setdefault((match["module"], match["feature"]), {})[match["statistic"]] = tensor
    if len(variants) > 1:
        raise StatisticMissing(
            f"the weights hold the statistics of {len(variants)} robots, and nothing says which is meant",
            hint="give the statistics of your dataset",
        )
    statistics: Statistics = {}
    for feature in features:
        mangled = feature.replace(".", "_")
        for module in ("normalize_inputs", "unnormalize_outputs", "normalize_targets"):
            found = buffers.get((module, mangled))
            if found and feature not in statistics:
                _check_computed(feature, found)
                statistics[feature] = {k: v.float().cpu().numpy() for k, v in found.items()}
    return statistics


def _check_computed(feature: str, values: dict[str, Tensor]) -> None:
    if any(bool(tensor.isinf().any()) for tensor in values.values()):
        raise StatisticMissing(
            f"the statistics of `{feature}` are infinite: they were never computed",
            hint="this is a base model without statistics; train it on a dataset, whose statistics it then takes",
        )
