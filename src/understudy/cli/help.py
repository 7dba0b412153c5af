"""`understudy train --help`: the general options, and those of the policy that was named."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from understudy.core.describe import is_required, options_of
from understudy.core.errors import ConfigError
from understudy.core.option_help import entry, option_entry
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.policies.config import PolicyConfig
from understudy.train.command import CommandOptions
from understudy.train.config import TrainConfig
from understudy.train.starting_point import policy_settings

_HEAD = """usage: understudy train --dataset.repo_id=NAME --policy.type=TYPE [--name=value]
       understudy train --dataset.repo_id=NAME --policy.path=CHECKPOINT [...]
       understudy train --config_path=FILE [...]
       understudy train --resume RUN [...]

Trains a policy from a LeRobot dataset. LeRobot's flags keep their names and
meanings; values are written as in YAML: null, true, 1e-5, [0, 1], '{a: b}'.
"""
GROUPS = {
    "dataset": "Data",
    "optimizer": "Optimiser (left out: the policy's own)",
    "scheduler": "Learning-rate schedule (left out: the policy's own)",
    "peft": "Adapter in the place of the weights (left out: none)",
    "env": "Simulated task in which success is measured while training",
    "eval": "Episodes of the simulated task",
    "wandb": "Weights & Biases",
    "trackio": "trackio",
}


def train_help(arguments: Sequence[str]) -> str:
    """The help text; `arguments` may name a policy by --policy.type or --policy.path."""
    lines = [_HEAD, "The command:"]
    lines += [line for path, field in options_of(CommandOptions) for line in option_entry(path, field)]
    lines += ["", "The run:"]
    for path, field in options_of(TrainConfig):
        if len(path) == 1 and path[0] != "resume":
            lines += option_entry(path, field)
    for group, title in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [
            line
            for path, field in options_of(TrainConfig)
            if path[0] == group
            for line in option_entry(path, field, required=is_required(TrainConfig, path))
        ]
    return "\n".join([*lines, "", *_policy_lines(_named_policy(arguments))]) + "\n"


def _policy_lines(kind: str | None) -> list[str]:
    known = ", ".join(sorted(POLICY_CONFIGS))
    lines = ["The policy:" if kind is None else f"The policy {kind}:"]
    lines += entry("--policy.type", f"which policy, with fresh weights: {known}")
    lines += entry("--policy.path", "start from the weights of this checkpoint or run folder, or Hub repository")
    if kind is None:
        return [
            *lines,
            "",
            f"understudy train --policy.type={min(POLICY_CONFIGS)} --help    also lists the options of that policy",
        ]
    config: type[PolicyConfig] = load(POLICY_CONFIGS, kind, "policy")
    hidden = ("type", "input_features", "output_features", "pretrained_path")
    for path, field in options_of(config, ("policy",)):
        if path[1] not in hidden:
            lines += option_entry(path, field)
    return lines


def _named_policy(arguments: Sequence[str]) -> str | None:
    words = [part for argument in arguments for part in argument.split("=", 1)]
    for name, value in pairwise(words):
        if name == "--policy.type":
            return value if value in POLICY_CONFIGS else None
        if name == "--policy.path":
            try:
                kind = policy_settings(value).values["policy"].get("type")
            except ConfigError:
                return None
            return kind if kind in POLICY_CONFIGS else None
    return None
