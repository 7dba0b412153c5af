"""Times SmolVLA's training steps in LeRobot, in LeRobot's environment; prints one JSON line. smolvla_training.py asks.

    .venv-lerobot/bin/python benchmarks/lerobot_smolvla_training.py --setting fp32 --batch 8

A step is what LeRobot's loop does with a batch that its loader has decoded: its preprocessor and `update_policy`, with
the optimiser and the schedule of its preset. Settings: `fp32`; `bf16`, the mixed precision of the accelerate library
that its loop runs in; `mixture`, in which language model, vision tower and most of the expert are bfloat16,
as they come from the published files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from accelerate import Accelerator  # type: ignore[import-not-found]
from lerobot.configs.types import FeatureType, PolicyFeature  # type: ignore[import-not-found]
from lerobot.policies.factory import make_pre_post_processors  # type: ignore[import-not-found]
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig  # type: ignore[import-not-found]
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy  # type: ignore[import-not-found]
from lerobot.scripts.lerobot_train import update_policy  # type: ignore[import-not-found]
from lerobot.utils.logging_utils import AverageMeter, MetricsTracker  # type: ignore[import-not-found]

from smolvla_work import (
    ACTION,
    NUMBERS,
    STATE,
    TASK,
    TOKENIZER,
    TOKENIZER_FILES,
    add_work_options,
    cameras,
    drawn_batch,
    time_steps,
)

sys.path.insert(0, str(TOKENIZER.parents[1]))

from lerobot_smolvla import offline, write_config  # type: ignore[import-not-found]
from smolvla_cases import FULL  # type: ignore[import-not-found]

_STEPS = 30_000  # of the run that these are the first steps of


def main() -> None:
    """Build, time, print."""
    parser = argparse.ArgumentParser()
    add_work_options(parser)
    options = parser.parse_args()
    torch.manual_seed(0)
    mixed = "bf16" if options.setting == "bf16" else "no"
    accelerator = Accelerator(cpu=options.device == "cpu", mixed_precision=mixed, step_scheduler_with_optimizer=False)
    with tempfile.TemporaryDirectory() as folder, offline():
        policy, before = _policy(options, Path(folder))
    preset = policy.config.get_optimizer_preset()
    optimizer = preset.build(policy.get_optim_params())
    schedule = policy.config.get_scheduler_preset().build(optimizer, _STEPS)
    parameters = {
        "parameters": sum(p.numel() for p in policy.parameters()),
        "trained": sum(p.numel() for p in policy.parameters() if p.requires_grad),
        "transformers": version("transformers"),
    }
    policy, optimizer, schedule = accelerator.prepare(policy, optimizer, schedule)
    policy.train()
    names = ("loss", "grad_norm", "lr", "update_s")
    metrics = MetricsTracker(options.batch, 1, 1, {name: AverageMeter(name) for name in names}, accelerator=accelerator)
    drawn = drawn_batch(options.batch, options.cameras, options.side)
    # as LeRobot's loader gives them: pictures float in 0..1, the task in words
    decoded = {name: t.float() / 255 if t.dtype is torch.uint8 else t for name, t in drawn.items()}

    def step() -> float:
        batch = before({**decoded, "task": [TASK] * options.batch})
        update_policy(metrics, policy, batch, optimizer, preset.grad_clip_norm, accelerator, schedule)
        return float(metrics.loss.val)

    time_steps(step, options, parameters)


def _policy(options: argparse.Namespace, folder: Path) -> tuple[SmolVLAPolicy, object]:
    """SmolVLA at full size with random weights, and its preprocessor."""
    write_config(folder, FULL, "bfloat16" if options.setting == "mixture" else "float32")
    for name in TOKENIZER_FILES:
        shutil.copy(TOKENIZER / name, folder)
    config = SmolVLAConfig(
        input_features={
            **{
                name: PolicyFeature(FeatureType.VISUAL, (3, options.side, options.side))
                for name in cameras(options.cameras)
            },
            STATE: PolicyFeature(FeatureType.STATE, (NUMBERS,)),
        },
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (NUMBERS,))},
        vlm_model_name=str(folder),
        device=options.device,
    )
    policy = SmolVLAPolicy(config)
    if options.setting == "mixture":
        policy.model.vlm_with_expert.vlm.to(torch.bfloat16)
    statistics = {name: {"mean": torch.zeros(NUMBERS), "std": torch.ones(NUMBERS)} for name in (STATE, ACTION)}
    before, _ = make_pre_post_processors(config, dataset_stats=statistics)
    return policy.to(options.device), before


if __name__ == "__main__":
    main()
