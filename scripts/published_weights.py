"""Bring the weights of the study github.com/ruiming-wu/FAST_Flow_Matching into our checkpoints, in two steps.

    python scripts/published_weights.py convert tinypi0_20250619_2355.pth tinypi0.safetensors
    python scripts/published_weights.py fill tiny_pi0 tinypi0.safetensors pretrained_model

`convert` is the only place where a pickle is read: by torch with weights_only=True, which builds tensors and nothing
else. `fill` writes a checkpoint of the preset `original` that `understudy eval --policy.path=pretrained_model` runs;
every name and shape has to be the preset's. The files have no licence: fetch them from the study yourself.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from understudy.core.errors import CheckpointError, ConfigError, UnderstudyError
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.policies.pretrained import save_pretrained
from understudy.policies.published import published_policy

FEATURES = {
    "input_features": {"observation.state": {"type": "STATE", "shape": (4,)}},
    "output_features": {"action": {"type": "ACTION", "shape": (1,)}},
}


def convert(source: Path, target: Path) -> None:
    """Write the tensors of a state dict saved by torch.save as safetensors. Raises CheckpointError, ConfigError."""
    if target.exists():
        raise ConfigError("the file exists already", where=str(target))
    try:
        tensors = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"no state dict can be read: {error}", where=str(source)) from error
    if not isinstance(tensors, dict) or not all(isinstance(t, torch.Tensor) for t in tensors.values()):
        raise CheckpointError("this holds more than a state dict, or none", where=str(source))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, target)


def fill(policy: str, weights: Path, folder: Path) -> None:
    """Write the folder of a checkpoint. Raises what `published_policy` and `save_pretrained` raise."""
    config = load(POLICY_CONFIGS, policy, "policy").model_validate({"preset": "original", **FEATURES})
    save_pretrained(published_policy(config, weights), folder)


def main(arguments: list[str] | None = None) -> int:
    """Run one of the two steps; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("convert", help="a .pth file into safetensors")
    step.add_argument("source", type=Path)
    step.add_argument("target", type=Path)
    step = steps.add_parser("fill", help="safetensors into a checkpoint")
    step.add_argument("policy", choices=["tiny_pi0", "tiny_pi0_fast"])
    step.add_argument("weights", type=Path)
    step.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    try:
        if given.step == "convert":
            convert(given.source, given.target)
        else:
            fill(given.policy, given.weights, given.folder)
    except UnderstudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
