"""Times ACT behind a `Controller` in Understudy; prints one JSON line. inference.py runs it.

    python benchmarks/understudy_inference.py --size 480x640 --setting default

Settings: `fp32`, `bf16` (`Policy.predict_in_bf16`), and `default`, what a `Controller` does when nothing is said. The
weights are random, as LeRobot's are here: how long a network takes does not depend on them.
"""

from __future__ import annotations

import argparse

import torch

from camera_dataset import size_of
from contestants import BF16, CHUNK, DEFAULT, FP32
from inference_timing import time_policy
from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.policies.config import Feature
from understudy.policies.horizon import Controller


def build_policy(height: int, width: int) -> Policy:
    """ACT in its default sizes for six joints and one camera, with random weights."""
    config = ActConfig.model_validate(
        {
            "input_features": {
                "observation.state": Feature(type="STATE", shape=(6,)),
                "observation.images.front": Feature(type="VISUAL", shape=(3, height, width)),
            },
            "output_features": {"action": Feature(type="ACTION", shape=(6,))},
            "chunk_size": CHUNK,
            "n_action_steps": CHUNK,
            "pretrained_backbone_weights": None,
            "device": "cpu",
        }
    )
    torch.manual_seed(0)
    return config.build(config.fake_statistics()).eval()


def main() -> None:
    """Build, time, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=size_of, default=(96, 96), metavar="HEIGHTxWIDTH")
    parser.add_argument("--setting", choices=[FP32, BF16, DEFAULT], default=DEFAULT)
    parser.add_argument("--predictions", type=int, default=50)
    parser.add_argument("--control-steps", type=int, default=300)
    options = parser.parse_args()
    policy = build_policy(*options.size)
    if options.setting == BF16:
        policy.predict_in_bf16()
    controller = Controller(policy)
    time_policy(
        lambda: controller.reset(seed=0),
        controller.act,
        size=options.size,
        predictions=options.predictions,
        control_steps=options.control_steps,
    )


if __name__ == "__main__":
    main()
