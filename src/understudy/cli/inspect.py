"""understudy inspect CHECKPOINT: what a checkpoint is, what it looks at, how numbers are scaled, and if it loads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.lineage import read_lineage, told
from understudy.core.run_folder import run_of_checkpoint

if TYPE_CHECKING:
    import numpy as np

    from understudy.policies.facts import CheckpointFacts

_SHOWN_ENTRIES = 8


class InspectOptions(Options):
    """Tells what a checkpoint of any era is: policy, features, statistics, normalisation, parameters, who wrote it."""

    checkpoint: str = Field(description="a checkpoint's, step's or run's folder, or owner/name on the Hub")


def run(arguments: list[str]) -> int:
    """Exit code 0 for a checkpoint that loads here, 1 for one that can be described but does not load.

    Raises CheckpointError for what is no checkpoint at all.
    """
    options = parse_options(InspectOptions, arguments, positionals=["checkpoint"], verb="inspect")
    if options.as_json:
        log.talk_on_stderr()
    from understudy.policies.facts import read_checkpoint

    facts = read_checkpoint(options.checkpoint)
    if options.as_json:
        print(json.dumps(as_document(facts), indent=2))
    else:
        log.say(as_text(facts))
    return 1 if facts.problems else 0


def runs_on(facts: CheckpointFacts) -> dict[str, bool]:
    """Which programs can run this checkpoint as it is."""
    from understudy.core.lerobot_policies import LEROBOT_POLICIES
    from understudy.policies.kinds import ADAPTER_WEIGHTS, WEIGHTS

    weights = WEIGHTS if facts.adapter is None else ADAPTER_WEIGHTS
    complete = (facts.path / weights).exists() and facts.policy_type in LEROBOT_POLICIES
    ours_or_04 = "0.4" in facts.writer
    return {
        "understudy": not facts.problems,
        "lerobot_0.4": complete and ours_or_04,
        "lerobot_0.6": complete and (ours_or_04 or "0.6" in facts.writer),
    }


def as_document(facts: CheckpointFacts) -> dict[str, Any]:
    """The JSON document of `--json`."""
    statistics = {
        feature: {name: [_finite(x) for x in value.reshape(-1).tolist()] for name, value in values.items()}
        for feature, values in facts.statistics.items()
    }
    return {
        "path": str(facts.path),
        "policy_type": facts.policy_type,
        "writer": facts.writer,
        "input_features": facts.inputs,
        "output_features": facts.outputs,
        "cameras": facts.cameras,
        "normalization": facts.modes,
        "statistics": statistics,
        "rename_map": facts.rename_map,
        "language": facts.language,
        "parameters": facts.parameters,
        "adapter": facts.adapter,
        "tensors": facts.tensors,
        "values": facts.values,
        "runs_on": runs_on(facts),
        "config": facts.config,
        "own_options": facts.own.get("policy", {}),
        "lineage": dict(read_lineage(run_of_checkpoint(facts.path)).content) or None,
        "problems": facts.problems,
    }


def as_text(facts: CheckpointFacts) -> str:
    """What is printed for a person."""
    lines = [
        f"checkpoint   {facts.path}",
        f"policy       {facts.policy_type or 'unknown'}",
        f"written by   {facts.writer}",
        f"parameters   {_size(facts)}",
        f"runs on      {_programs(facts)}",
    ]
    for number, line in enumerate(told(read_lineage(run_of_checkpoint(facts.path)))):
        lines.append(f"{'' if number else 'started from':<12} {line}")
    if facts.adapter is not None:
        lines.append(f"adapter      {_adapter(facts.adapter)}")
    if facts.rename_map:
        lines.append("renames      " + ", ".join(f"{a} -> {b}" for a, b in facts.rename_map.items()))
    if facts.language:
        lines.append(f"is told      {_words(facts)}")
    for title, features in (("looks at", facts.inputs), ("gives", facts.outputs)):
        lines += ["", title]
        lines += [line for name, feature in features.items() for line in _feature(facts, name, feature)]
        if not features:
            lines.append("  nothing: the configuration lists no features")
    others = [name for name in facts.statistics if name not in facts.modes]
    if others:
        lines += ["", f"statistics of features that the policy does not use: {', '.join(others)}"]
    if facts.problems:
        lines += ["", "does not load here:", *(f"  {problem}" for problem in facts.problems)]
    return "\n".join(lines)


def _adapter(values: dict[str, Any]) -> str:
    kind = f"{values['peft_type']}, rank {values.get('r')}"
    return f"{kind}, beside the weights of {values['base_model_name_or_path']}"


def _size(facts: CheckpointFacts) -> str:
    if facts.values is None:
        return "no weights" if facts.parameters is None else f"{facts.parameters:,} (no weights are stored)"
    stored = f"{facts.values:,} numbers in {facts.tensors} tensors"
    return stored if facts.parameters is None else f"{facts.parameters:,} trainable; {stored}"


def _words(facts: CheckpointFacts) -> str:
    told = {name: value for options in facts.language.values() for name, value in options.items()}
    longest = f", {told['max_length']} tokens at most" if "max_length" in told else ""
    return f"a task in words{longest}"


def _programs(facts: CheckpointFacts) -> str:
    names = {"understudy": "understudy", "lerobot_0.4": "LeRobot 0.4", "lerobot_0.6": "LeRobot 0.6"}
    can = [names[key] for key, value in runs_on(facts).items() if value]
    return ", ".join(can) if can else "nothing as it is"


def _feature(facts: CheckpointFacts, name: str, feature: dict[str, Any]) -> list[str]:
    shape = " x ".join(map(str, feature.get("shape", [])))
    mode = facts.modes.get(name, "IDENTITY")
    lines = [f"  {name:<36} {feature.get('type', '?'):<7} {shape:<14} {mode}"]
    for statistic in ("min", "max", "mean", "std"):
        values = facts.statistics.get(name, {}).get(statistic)
        if values is not None:
            lines.append(f"      {statistic:<5}{_numbers(values)}")
    if mode != "IDENTITY" and name not in facts.statistics:
        lines.append("      no statistics")
    return lines


def _numbers(values: np.ndarray) -> str:
    flat = values.reshape(-1)
    shown = " ".join(f"{x:>10.4g}" for x in flat[:_SHOWN_ENTRIES])
    return shown + (f"  and {flat.size - _SHOWN_ENTRIES} more" if flat.size > _SHOWN_ENTRIES else "")


def _finite(x: float) -> float | str:
    if x != x:
        return "NaN"
    return {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(x, x)
