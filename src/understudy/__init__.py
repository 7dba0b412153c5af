"""Understudy turns robot demonstrations into a policy that works, and proves that it works.

This module is the public face; everything else may move. Importing it imports neither torch nor numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from understudy.data.lerobot import load_dataset
    from understudy.diagnose.target import diagnose
    from understudy.evaluate.public import evaluate
    from understudy.policies.pretrained import load_policy
    from understudy.train.config import TrainConfig
    from understudy.train.run import train

_HOMES = {
    "load_dataset": "understudy.data.lerobot",
    "load_policy": "understudy.policies.pretrained",
    "train": "understudy.train.run",
    "TrainConfig": "understudy.train.config",
    "evaluate": "understudy.evaluate.public",
    "diagnose": "understudy.diagnose.target",
}

__all__ = ["TrainConfig", "__version__", "diagnose", "evaluate", "load_dataset", "load_policy", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'understudy' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
