"""Every option there is stands in options.txt: a new one edits that list, and so does one that goes.

After a change on purpose: python tests/architecture/test_options.py > tests/architecture/options.txt
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import understudy.cli
from understudy.core.config import Options, known_options
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.train.config import TrainConfig

LIST = Path(__file__).with_name("options.txt")


def all_options() -> list[str]:
    """One line each: the verb (or the policy) and the option."""
    lines = [f"train --{name}" for name in known_options(TrainConfig) if not name.startswith("policy.")]
    lines.append("train --policy.path")
    for policy in POLICY_CONFIGS:
        config = load(POLICY_CONFIGS, policy, "policy")
        lines += [f"train ({policy}) --{name}" for name in known_options(config, ("policy",))]
    for module in pkgutil.iter_modules(understudy.cli.__path__):
        for found in vars(importlib.import_module(f"understudy.cli.{module.name}")).values():
            if isinstance(found, type) and issubclass(found, Options) and found is not Options:
                verb = "train" if found.__name__ == "CommandOptions" else module.name
                lines += [f"{verb} --{name}" for name in known_options(found)]
    return list(dict.fromkeys(lines))


def test_the_options_are_those_of_the_list() -> None:
    assert all_options() == LIST.read_text().splitlines()


if __name__ == "__main__":
    print("\n".join(all_options()))
