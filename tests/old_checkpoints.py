"""Checkpoints as older and newer LeRobots wrote them, made from one of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.act.config import ActConfig
from understudy.policies.act.model import Act
from understudy.policies.base import Policy
from understudy.policies.config import Feature
from understudy.policies.pretrained import save_pretrained


def small_policy() -> Act:
    """ACT without cameras: 40 kB of weights. Two vectors in, one out; a name with an underscore among them."""
    torch.manual_seed(0)
    vectors = {"observation.environment_state": ("ENV", 3), "observation.state": ("STATE", 6)}
    tiny = ActConfig.tiny()
    config = ActConfig.model_validate(
        {
            **tiny.lerobot_json(),
            "input_features": {name: {"type": kind, "shape": (n,)} for name, (kind, n) in vectors.items()},
            "normalization_mapping": {
                "STATE": "MEAN_STD",
                "ACTION": "MIN_MAX",
                "ENV": "MEAN_STD",
                "VISUAL": "MEAN_STD",
            },
        }
    )
    return config.build(config.fake_statistics())


def camera_policy() -> Act:
    """The tiny preset with a camera whose name has an underscore."""
    torch.manual_seed(0)
    tiny = ActConfig.tiny()
    camera = {"observation.images.wrist_cam": Feature.model_validate({"type": "VISUAL", "shape": (3, 32, 32)})}
    config = tiny.model_copy(
        update={"input_features": {**camera, "observation.state": tiny.input_features["observation.state"]}}
    )
    return config.build(config.fake_statistics())


def save(policy: Policy, folder: Path) -> Path:
    """Saved as we save."""
    save_pretrained(policy, folder)
    return folder


def change_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file; a value of `...` takes the key out."""
    content = json.loads(path.read_text())
    content.update(changes)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))


def save_as_03(policy: Act, folder: Path, *, module: str = "unnormalize_outputs", prefix: str = "") -> Path:
    """As LeRobot 0.3: statistics among the weights, dots of their names turned to underscores, no processors."""
    save_pretrained(policy, folder)
    for path in [*folder.glob("policy_*"), folder / "understudy.json"]:
        path.unlink()
    change_json(folder / "config.json", use_peft=..., pretrained_path=...)
    statistics = {}
    for feature, mode in policy.normalizer.modes.items():
        module_name = module if feature == "action" else "normalize_inputs"
        for name in ("mean", "std") if mode == "MEAN_STD" else ("min", "max"):
            key = f"{module_name}.{prefix}buffer_{feature.replace('.', '_')}.{name}"
            statistics[key] = torch.from_numpy(policy.normalizer.statistics[feature][name])
    weights = folder / "model.safetensors"
    write_safetensors(weights, {**read_safetensors(weights), **statistics})
    return folder


def save_as_06(policy: Act, folder: Path) -> Path:
    """As LeRobot 0.6: a key more in config.json, metadata in the weights."""
    save_pretrained(policy, folder)
    (folder / "understudy.json").unlink()
    change_json(folder / "config.json", pretrained_revision=None)
    weights = folder / "model.safetensors"
    write_safetensors(weights, read_safetensors(weights), metadata={"format": "pt"})
    return folder
