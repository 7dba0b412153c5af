"""Trains a policy for a few updates here and saves it, with observations and the actions it gives for them.

    python tests/parity/write_ours.py FOLDER --size small      (or default: the 51.6 M parameters of LeRobot)
    python tests/parity/write_ours.py FOLDER --size smolvla    (smolvla-full: 450 M, random; smolvla-lora: an adapter)

Leaves FOLDER/checkpoint and FOLDER/expected.safetensors for check_ours_in_lerobot.py; of SmolVLA also the noise and the
tasks, and FOLDER/vlm, the vision-language model's folder without weights. Runs in our environment.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from parity.smolvla_cases import ACTION, FEATURES, FULL, OPTIONS, SHAPE
from understudy.core.rng import Rng
from understudy.data.spec import FeatureType
from understudy.nn.weights import write_safetensors
from understudy.policies.act.config import ActConfig
from understudy.policies.adapter import add_adapter
from understudy.policies.config import Feature, PolicyConfig
from understudy.policies.pretrained import load_policy, save_pretrained
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.train.optim import build_optimizer

UPDATES = 3
TASKS = ["pick up the red cube", "open the drawer"]


def config_of(folder: Path, size: str) -> PolicyConfig:
    """ACT: a small model with two cameras, or LeRobot's default with one camera of 480 x 640. SmolVLA: two cameras."""
    if size.startswith("smolvla"):
        return smolvla_config(folder, full=size == "smolvla-full")
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


def smolvla_config(folder: Path, *, full: bool) -> SmolVlaConfig:
    """A small SmolVLA, or one of the published size; its tokenizer lies in FOLDER/vlm."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(Path(__file__).with_name("smolvla_lerobot_0_4_4") / "vlm", folder / "vlm")
    options: dict[str, Any] = {} if full else OPTIONS
    shape = FULL if full else SHAPE
    (folder / "shape.json").write_text(json.dumps(shape))
    features = {
        key: {name: {"type": kind, "shape": of} for name, (kind, of) in declared.items()}
        for key, declared in (("input_features", FEATURES), ("output_features", ACTION))
    }
    own = {"vlm": shape, "vlm_model_name": str(folder / "vlm"), "device": "cpu", "from_scratch": True}
    return SmolVlaConfig.model_validate({**options, **features, **own})


def write(folder: Path, size: str) -> None:
    """Train, save, load again, and store what the loaded policy answers."""
    torch.manual_seed(0)
    config = config_of(folder, size)
    policy = config.build(config.fake_statistics())
    policy.calibrate([config.fake_batch(2)])
    if size == "smolvla-lora":
        save_pretrained(policy, folder / "base")
        options = {"peft_type": "LORA", "r": 4, "target_modules": config.adapter_targets}
        add_adapter(policy, options, folder / "base", str((folder / "base").resolve()))
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
    expected = {**observation, "action": loaded.predict(observation | loaded.instruction(TASKS))}
    if isinstance(config, SmolVlaConfig):
        expected["noise"] = Rng(0).normal("noise", (2, config.chunk_size, config.max_action_dim))
    write_safetensors(folder / "expected.safetensors", expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--size", choices=["small", "default", "smolvla", "smolvla-lora", "smolvla-full"], default="small"
    )
    given = parser.parse_args()
    write(given.folder, given.size)
