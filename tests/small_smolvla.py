"""A SmolVLA of a million random parameters that needs no download, for tests of everything that tells tasks."""

from __future__ import annotations

from typing import Any

import torch

from understudy.data.spec import DatasetSpec
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.model import SmolVla


def small_smolvla(spec: DatasetSpec | None = None, **options: Any) -> SmolVla:
    """The same weights every time; the features are those of `spec`, or two cameras, a state and an action."""
    config = SmolVlaConfig.tiny()
    given = {"num_steps": 2} | options
    if spec is not None:
        given |= {"input_features": {}, "output_features": {}}
    config = SmolVlaConfig.model_validate(config.model_dump() | given)
    if spec is not None:
        config = config.with_features(spec)
    torch.manual_seed(0)
    return config.build(config.fake_statistics()).eval()
