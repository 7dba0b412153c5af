"""Trains a policy for a few updates here and saves it, with observations and the actions it gives for them.

    python tests/parity/write_ours.py FOLDER --size small      (or default: the 51.6 M parameters of LeRobot)

Leaves FOLDER/checkpoint and FOLDER/expected.safetensors for check_ours_in_lerobot.py. Runs in our environment.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from understudy.core.rng import Rng
from understudy.data.spec import FeatureType
from understudy.nn.weights import write_safetensors
from understudy.policies.act.config import ActConfig
from understudy.policies.config import Feature
from understudy.policies.pretrained import load_policy, save_pretrained
from understudy.train.optim import build_optimizer

UPDATES = 3


def config_of(size: str) -> ActConfig:
    """A small model with two cameras, or LeRobot's default with one camera of 480 x 640."""
    if size == "small":
        tiny = ActConfig.tiny()
        wrist = Feature(type=FeatureType.VISUAL, shape=(3, 40, 40))
        return tiny.model_copy(
            update={"input_features": {**tiny.input_features, "observation.images.wrist_cam": wrist}}
        )
    return ActConfig(
        input_features={
            "observation.state": Feature(type=FeatureType.STATE, shape=(6,)),
            "observation.images.front": Feature(type=FeatureType.VISUAL, shape=(3, 480, 640)),
        },
        output_features={"action": Feature(type=FeatureType.ACTION, shape=(6,))},
        pretrained_backbone_weights=None,
        device="cpu",
    )


def write(folder: Path, size: str) -> None:
    """Train, save, load again, and store what the loaded policy answers."""
    torch.manual_seed(0)
    config = config_of(size)
    policy = config.build(config.fake_statistics())
    policy.calibrate([config.fake_batch(2)])
    preset = config.optimizer_preset().model_copy(update={"lr": 1e-4})
    optimizer = build_optimizer(policy, preset, use_groups=True)
    policy.train()
    for step in range(UPDATES):
        rng = Rng(0, step)
        rng.seed_torch("dropout")
        policy.loss(config.fake_batch(2, seed=step), rng).total.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
        optimizer.step()
        optimizer.zero_grad()
    save_pretrained(policy, folder / "checkpoint", train_config={"steps": UPDATES})
    loaded = load_policy(folder / "checkpoint", device="cpu")
    observation = config.fake_batch(2, seed=100).observation
    write_safetensors(folder / "expected.safetensors", {**observation, "action": loaded.predict(observation)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=["small", "default"], default="small")
    given = parser.parse_args()
    write(given.folder, given.size)
