"""What a checkpoint is, told without running it: its policy, its features, its numbers, and why it would not load."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from understudy.core.errors import UnderstudyError
from understudy.data.spec import FeatureType, Statistics
from understudy.nn.normalize import Normalizer
from understudy.nn.weights import read_safetensors
from understudy.policies.adapter_files import base_of, holds_adapter, read_adapter_config
from understudy.policies.base import Policy
from understudy.policies.checkpoint_config import parse_config, read_config_json, read_own_json, with_processors
from understudy.policies.config import PolicyConfig
from understudy.policies.kinds import WEIGHTS, era_of, unusable_type
from understudy.policies.migration import old_statistics, without_compiler_names
from understudy.policies.places import find_checkpoint
from understudy.policies.pretrained import stored_shapes
from understudy.policies.processors import PREPROCESSOR, Processors, read_processors
from understudy.policies.weight_fit import Shapes, check_fit

T = TypeVar("T")


@dataclass
class CheckpointFacts:
    """What `understudy inspect` tells.

    config       `config.json` as it is; own: `understudy.json`
    modes        feature -> normalisation as it is applied
    statistics   of every feature the checkpoint has some for
    tensors      in `model.safetensors`, of an adapter in that of its base, old statistics not counted, as `values`;
                 None without weights
    language     steps that make tokens of the task: name -> options; {} for a policy that is told nothing
    parameters   trainable numbers; None for policies that are not known here
    adapter      peft's configuration of it; None where the checkpoint holds weights
    problems     why `load_policy` would refuse, one entry each; empty when it would not
    """

    path: Path
    policy_type: str | None
    writer: str
    config: dict[str, Any]
    own: dict[str, Any]
    modes: dict[str, str] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=dict)
    rename_map: dict[str, str] = field(default_factory=dict)
    language: dict[str, dict[str, Any]] = field(default_factory=dict)
    tensors: int | None = None
    values: int | None = None
    parameters: int | None = None
    adapter: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """`input_features` of the configuration."""
        return _features(self.config.get("input_features"))

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """`output_features` of the configuration."""
        return _features(self.config.get("output_features"))

    @property
    def cameras(self) -> list[str]:
        """Names of the image features."""
        return [name for name, feature in self.inputs.items() if feature.get("type") == FeatureType.VISUAL]

    def attempt(self, step: Callable[..., T], *arguments: Any) -> T | None:
        """What `step` gives; None, with the error kept among the problems, when it raises one of ours."""
        try:
            return step(*arguments)
        except UnderstudyError as error:
            where = f" ({Path(error.where).name})" if error.where and error.where != str(self.path) else ""
            self.problems.append(f"{error.what}{where}")
            return None


def _features(entry: Any) -> dict[str, dict[str, Any]]:
    """The well-formed entries of a features table; the others are told of when the configuration is parsed."""
    if not isinstance(entry, dict):
        return {}
    return {name: f for name, f in entry.items() if isinstance(f, dict) and isinstance(f.get("shape"), list)}


def read_checkpoint(path: str | Path) -> CheckpointFacts:
    """Everything that can be told about the checkpoint at `path` (see `find_checkpoint`); faults become `problems`.

    Raises CheckpointError only when there is no `config.json` that can be read, saying what the folder is instead.
    """
    folder = find_checkpoint(path)
    raw, own = read_config_json(folder), read_own_json(folder)
    has_processors = (folder / f"{PREPROCESSOR}.json").exists()
    facts = CheckpointFacts(folder, raw.get("type"), era_of(folder, raw, own, has_processors), raw, own)
    reason = unusable_type(raw)
    if reason is not None:
        facts.problems.append(reason)
    processors = facts.attempt(read_processors, folder)
    if processors is not None:
        facts.statistics, facts.rename_map = processors.statistics, processors.rename_map
        facts.language = processors.language
    facts.modes = _modes(facts, processors)
    of_weights: Path | None = folder
    if holds_adapter(folder):
        facts.adapter = facts.attempt(read_adapter_config, folder)
        of_weights = facts.attempt(base_of, folder, own.get("base")) if facts.adapter is not None else None
    shapes = None if of_weights is None else _stored(facts, of_weights)
    if not has_processors and shapes is not None:
        facts.statistics = facts.attempt(_statistics_among_weights, facts, folder) or {}
    config = facts.attempt(parse_config, raw, own, folder) if reason is None else None
    if config is not None and processors is not None:
        config = facts.attempt(with_processors, config, processors, folder)
    if config is not None:
        facts.attempt(_compare, facts, config, shapes)
    return facts


def _modes(facts: CheckpointFacts, processors: Processors | None) -> dict[str, str]:
    """Normalisation of each feature by its kind; the processors' word counts more than the configuration's."""
    by_kind = facts.config.get("normalization_mapping") or {}
    if processors is not None and processors.modes:
        by_kind = processors.modes
    features = {**facts.inputs, **facts.outputs}
    return {name: by_kind.get(feature.get("type"), "IDENTITY") for name, feature in features.items()}


def _stored(facts: CheckpointFacts, folder: Path) -> Shapes | None:
    """Shapes of the stored weights, without the old statistics; None, with the reason kept, when there are none."""
    shapes = facts.attempt(stored_shapes, folder)
    if shapes is None:
        return None
    facts.tensors, facts.values = len(shapes), sum(math.prod(shape) for shape in shapes.values())
    return shapes


def _statistics_among_weights(facts: CheckpointFacts, folder: Path) -> Statistics:
    weights = without_compiler_names(read_safetensors(folder / WEIGHTS))
    return old_statistics(weights, [*facts.inputs, *facts.outputs])


def _compare(facts: CheckpointFacts, config: PolicyConfig, shapes: Shapes | None) -> None:
    """Build the policy without memory for its numbers, count its parameters, and hold the stored tensors against it."""
    with torch.device("meta"):
        policy = config.skeleton(config.fake_statistics())
    facts.parameters = sum(p.numel() for p in policy.parameters() if p.requires_grad)
    if shapes is None:
        return
    facts.attempt(check_fit, policy, shapes, facts.path)
    facts.attempt(policy.read_own_files, facts.path)
    if facts.adapter is not None:
        facts.attempt(_compare_adapter, facts, policy)
    Normalizer(facts.statistics, policy.normalizer.modes)  # raises what loading would raise


def _compare_adapter(facts: CheckpointFacts, policy: Policy) -> None:
    """Put such an adapter into the empty policy, count what it trains, and hold the stored tensors against it."""
    from understudy.policies.adapter import empty_adapter

    with torch.device("meta"):
        adapter = empty_adapter(policy, facts.path, {})
    adapter.stored(facts.path)  # raises what loading would raise
    facts.parameters = sum(p.numel() for p in policy.parameters() if p.requires_grad)
