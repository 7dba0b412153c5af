"""An ACT without cameras, of some thousand parameters, for tests that need a real policy and no pictures."""

from __future__ import annotations

import torch

from understudy.data.spec import ENVIRONMENT, STATE
from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.policies.config import Feature


def small_config() -> ActConfig:
    inputs = {STATE: Feature(type="STATE", shape=(6,)), ENVIRONMENT: Feature(type="ENV", shape=(4,))}
    return ActConfig.model_validate(ActConfig.tiny().model_dump() | {"input_features": inputs, "optimizer_lr": 1e-3})


def small_policy() -> Policy:
    """In training mode, with the same weights every time."""
    config = small_config()
    torch.manual_seed(0)
    return config.build(config.fake_statistics()).train()
