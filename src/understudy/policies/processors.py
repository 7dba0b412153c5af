"""LeRobot's processor files: what happens to numbers before and after the network, statistics included.

    policy_preprocessor.json    steps: rename, add a batch axis, make tokens of words, move to the device, normalise
    policy_postprocessor.json   steps: un-normalise, move to the CPU
    *.safetensors               the statistics of a step, flat: "observation.state.mean"

Unusual: a step that is unknown here is refused, never skipped, because it could change what the numbers mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.core.errors import CheckpointError
from understudy.data.spec import FeatureType, Statistics
from understudy.nn.normalize import EPS
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.config import Feature, PolicyConfig

PREPROCESSOR = "policy_preprocessor"
POSTPROCESSOR = "policy_postprocessor"
_HARMLESS = {"rename_observations_processor", "to_batch_processor", "device_processor"}
_SCALING = {"normalizer_processor", "unnormalizer_processor"}
# steps that make tokens of the task; the policy's own configuration says what becomes of them
_LANGUAGE = {"smolvla_new_line_processor", "tokenizer_processor"}
# the pi0 family's steps of LeRobot 0.6: without effect unless enabled
_SWITCHED = {"relative_actions_processor", "absolute_actions_processor"}
# an eps this small moves no number that matters, whatever its exact value
_NEGLIGIBLE_EPS = 1e-6


@dataclass
class Processors:
    """What the two files of a checkpoint say.

    modes        kind of feature -> normalisation; the action's as the postprocessor has it
    scaled       names of the features that the steps scale
    rename_map   name in the robot's observation -> name the policy knows
    language     steps that make tokens of the task: name -> options
    unknown      steps that could change numbers in a way not known here
    """

    modes: dict[str, str] = field(default_factory=dict)
    scaled: list[str] = field(default_factory=list)
    statistics: Statistics = field(default_factory=dict)
    rename_map: dict[str, str] = field(default_factory=dict)
    language: dict[str, dict[str, Any]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a checkpoint. Raises CheckpointError for anything else."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.name} is missing", where=str(path.parent)) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path.name} cannot be read: {error}", where=str(path)) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name} does not hold a JSON object", where=str(path))
    return content


def read_processors(folder: Path) -> Processors | None:
    """What the processor files of `folder` say; None when it has none (LeRobot before 0.4).

    Raises CheckpointError when they are damaged or incomplete.
    """
    if not (folder / f"{PREPROCESSOR}.json").exists():
        return None
    found = Processors()
    _read_into(found, folder, PREPROCESSOR)
    before = dict(found.modes)
    found.modes = {}
    _read_into(found, folder, POSTPROCESSOR)
    action = found.modes.get(FeatureType.ACTION)
    found.modes = before
    if action is not None:
        found.modes[FeatureType.ACTION] = action
    return found


def read_rename_map(folder: Path) -> dict[str, str]:
    """Name in the robot's observation -> name the policy in `folder` knows. Raises what `read_processors` raises."""
    processors = read_processors(folder)
    return {} if processors is None else processors.rename_map


def _read_into(found: Processors, folder: Path, name: str) -> None:
    path = folder / f"{name}.json"
    steps = read_json(path).get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise CheckpointError("the list of steps is missing", where=str(path))
    for step in steps:
        kind = str(step.get("registry_name") or step.get("class") or "a step without a name")
        config = step.get("config") or {}
        if kind == "rename_observations_processor":
            found.rename_map.update(config.get("rename_map") or {})
        elif kind in _SCALING:
            _read_scaling(found, config, path)
            _read_state(found, folder, step.get("state_file"), path)
        elif kind in _SWITCHED and not config.get("enabled", False):
            continue
        elif kind in _LANGUAGE:
            found.language[kind] = dict(config)
        elif kind not in _HARMLESS:
            found.unknown.append(kind)


def _read_scaling(found: Processors, config: dict[str, Any], path: Path) -> None:
    found.modes.update(config.get("norm_map") or {})
    keys = config.get("normalize_observation_keys")
    for name in config.get("features") or {}:
        if name not in found.scaled and (keys is None or name in keys or name == "action"):
            found.scaled.append(name)
    eps = float(config.get("eps", EPS))
    if eps > _NEGLIGIBLE_EPS:
        raise CheckpointError(
            f"this checkpoint divides by (std + {eps:g}) where {EPS:g} is expected: its numbers would differ here",
            where=str(path),
        )


def _read_state(found: Processors, folder: Path, name: str | None, path: Path) -> None:
    """Take in the statistics of a step. That they are gone is no fault by itself: the caller may have its own."""
    if name and (state := _inside(folder, str(name), path)).exists():
        found.statistics.update(read_statistics(state))


def _inside(folder: Path, name: str, path: Path) -> Path:
    """The state file `name`, which has to lie in the checkpoint's folder."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise CheckpointError(f"the state file `{name}` lies outside the checkpoint", where=str(path))
    return folder / name


def read_statistics(path: Path) -> Statistics:
    """Statistics from a flat file: the name of a feature has dots itself, so the last dot divides."""
    statistics: Statistics = {}
    for name, tensor in read_safetensors(path).items():
        feature, _, statistic = name.rpartition(".")
        statistics.setdefault(feature, {})[statistic] = tensor.float().numpy()
    return statistics


def write_processors(
    folder: Path,
    config: PolicyConfig,
    statistics: Mapping[str, Mapping[str, np.ndarray]],
    rename_map: Mapping[str, str],
) -> None:
    """Write both files and both state files as LeRobot 0.4 does."""
    mapping = config.model_dump(mode="json").get("normalization_mapping", {})

    def scaling(features: Mapping[str, Feature]) -> dict[str, Any]:
        listed = {name: {"type": f.type.value, "shape": list(f.shape)} for name, f in features.items()}
        return {"eps": EPS, "features": listed, "norm_map": mapping}

    def move(device: str) -> dict[str, Any]:
        return {"registry_name": "device_processor", "config": {"device": device, "float_dtype": None}}

    before = [
        {"registry_name": "rename_observations_processor", "config": {"rename_map": dict(rename_map)}},
        {"registry_name": "to_batch_processor", "config": {}},
        *({"registry_name": name, "config": options} for name, options in config.language_steps().items()),
        move(config.device or "cpu"),
        {
            "registry_name": "normalizer_processor",
            "config": scaling({**config.input_features, **config.output_features}),
        },
    ]
    after = [{"registry_name": "unnormalizer_processor", "config": scaling(config.output_features)}, move("cpu")]
    flat = {
        f"{feature}.{statistic}": torch.from_numpy(np.array(value, dtype=np.float32))
        for feature, values in statistics.items()
        for statistic, value in values.items()
    }
    for name, steps in ((PREPROCESSOR, before), (POSTPROCESSOR, after)):
        for index, step in enumerate(steps):
            if step["registry_name"] in _SCALING:
                step["state_file"] = f"{name}_step_{index}_{step['registry_name']}.safetensors"
                write_safetensors(folder / step["state_file"], flat)
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "steps": steps}, indent=2))
