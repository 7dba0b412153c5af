"""Names a user can type, and where the thing behind each name lives. Nothing is imported before it is asked for.

The table is closed: a name found in a downloaded file can select an entry, never a module to import.
"""

from __future__ import annotations

import importlib
from typing import Any

from .errors import ConfigError, nearest

POLICY_CONFIGS: dict[str, str] = {
    "act": "understudy.policies.act.config:ActConfig",
    "smolvla": "understudy.policies.smolvla.config:SmolVlaConfig",
    "tiny_pi0_fast": "understudy.policies.tiny_pi0_fast.config:TinyPi0FastConfig",
    "tiny_pi0": "understudy.policies.tiny_pi0.config:TinyPi0Config",
}


def load(table: dict[str, str], name: str, what: str) -> Any:
    """The object registered as `name` in `table`; `what` names the kind of thing in the error ("policy").

    Raises ConfigError for an unknown name, with the nearest known one.
    """
    if name not in table:
        guess = nearest(name, table)
        known = ", ".join(sorted(table))
        raise ConfigError(
            f"unknown {what} `{name}`",
            hint=f"did you mean `{guess}`? known: {known}" if guess else f"known: {known}",
        )
    module, attribute = table[name].split(":")
    return getattr(importlib.import_module(module), attribute)
