"""Times ACT's prediction in LeRobot, in LeRobot's environment; prints one JSON line. inference.py runs it.

    .venv-lerobot/bin/python benchmarks/lerobot_inference.py --size 480x640 --setting bf16

A prediction is what LeRobot's own control loop does between an observation and actions: the picture to floats, its
preprocessor, the network, its postprocessor. `bf16` is torch's autocast around it, as its evaluation does with
`--policy.use_amp=true`; its control loop offers that on a GPU alone.
"""

from __future__ import annotations

import argparse
import contextlib

import torch
from lerobot.configs.types import FeatureType, PolicyFeature  # type: ignore[import-not-found]
from lerobot.policies.act.configuration_act import ACTConfig  # type: ignore[import-not-found]
from lerobot.policies.act.modeling_act import ACTPolicy  # type: ignore[import-not-found]
from lerobot.policies.act.processor_act import make_act_pre_post_processors  # type: ignore[import-not-found]
from lerobot.policies.utils import prepare_observation_for_inference  # type: ignore[import-not-found]

from inference_timing import Observation, time_policy

_CAMERA, _STATE = "observation.images.front", "observation.state"
_CHUNK = 100


def main() -> None:
    """Build, time, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="96x96", metavar="HEIGHTxWIDTH")
    parser.add_argument("--setting", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--predictions", type=int, default=50)
    parser.add_argument("--control-steps", type=int, default=300)
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    config = ACTConfig(
        input_features={
            _STATE: PolicyFeature(FeatureType.STATE, (6,)),
            _CAMERA: PolicyFeature(FeatureType.VISUAL, (3, height, width)),
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (6,))},
        chunk_size=_CHUNK,
        n_action_steps=_CHUNK,
        pretrained_backbone_weights=None,
        device="cpu",
    )
    torch.manual_seed(0)
    policy = ACTPolicy(config).eval()
    shapes = {_STATE: (6,), _CAMERA: (3, 1, 1), "action": (6,)}
    statistics = {name: {"mean": torch.zeros(shape), "std": torch.ones(shape)} for name, shape in shapes.items()}
    before, after = make_act_pre_post_processors(config, statistics)
    device = torch.device("cpu")

    def act(observation: Observation) -> object:
        precise = torch.autocast("cpu", dtype=torch.bfloat16) if options.setting == "bf16" else contextlib.nullcontext()
        with torch.inference_mode(), precise:
            return after(policy.select_action(before(prepare_observation_for_inference(dict(observation), device))))

    time_policy(
        policy.reset,
        act,
        size=(height, width),
        predictions=options.predictions,
        control_steps=options.control_steps,
    )


if __name__ == "__main__":
    main()
