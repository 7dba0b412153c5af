"""Times SmolVLA's training steps in Understudy; prints one JSON line. smolvla_training.py runs it.

    python benchmarks/understudy_smolvla_training.py --setting fp32-memory --batch 8

A setting is a precision and what is kept of a frame (`off`, `features`, `memory`). A step begins with a batch of
decoded pictures, or gathers from a file what was kept of the frames, and ends with the optimiser and the schedule. How
long it takes to compute what is kept is measured on as many frames as the cache computes at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smolvla_work import (
    ACTION,
    CHUNK,
    NUMBERS,
    STATE,
    TASK,
    TOKENIZER,
    add_work_options,
    cameras,
    drawn_batch,
    time_steps,
)
from understudy.core.allocator import keep_freed_memory
from understudy.data.seen_store import FRAMES_AT_ONCE
from understudy.data.spec import Batch, FeatureType
from understudy.nn.fast_paths import set_fast_paths
from understudy.policies.base import Policy
from understudy.policies.config import Feature
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.train.config import TrainConfig
from understudy.train.optim import build_optimizer
from understudy.train.prefix_cache import example_batch
from understudy.train.schedule import build_schedule
from understudy.train.step import Update

_FRAMES = 64  # that are kept, of which a step gathers some at random
_STEPS = 30_000  # of the run that these are the first steps of


def main() -> None:
    """Build, keep, time, print."""
    keep_freed_memory()  # as `understudy train` does
    parser = argparse.ArgumentParser()
    add_work_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _, update, take, facts = built(options, Path(folder))
        number = 0

        def step() -> float:
            nonlocal number
            update([take()], number)
            number += 1
            return update.window.means()["loss"]

        time_steps(step, options, facts)


def built(options: argparse.Namespace, folder: Path) -> tuple[Policy, Update, Callable[[], Batch], dict[str, Any]]:
    """The policy, its update, where batches come from, and what it cost to keep what is kept, in `folder`."""
    precision, kept = options.setting.split("-")
    torch.manual_seed(0)
    config = smolvla(options.cameras, options.side, options.device)
    policy = config.build(config.fake_statistics()).to(options.device).train()
    set_fast_paths(policy, True)
    run = TrainConfig.model_validate(
        {
            "policy": config,
            "dataset": {"repo_id": "none"},
            "batch_size": options.batch,
            "steps": _STEPS,
            "precision": precision,
            "prefix_cache": kept,
        }
    )
    return policy, _update(run, policy), *_source(run, policy, options, folder)


def smolvla(count: int, side: int, device: str) -> SmolVlaConfig:
    """SmolVLA at full size with random weights, for `count` cameras."""
    return SmolVlaConfig(
        from_scratch=True,
        tokenizer_name=str(TOKENIZER),
        device=device,
        input_features={
            **{name: Feature(type=FeatureType.VISUAL, shape=(3, side, side)) for name in cameras(count)},
            STATE: Feature(type=FeatureType.STATE, shape=(NUMBERS,)),
        },
        output_features={ACTION: Feature(type=FeatureType.ACTION, shape=(NUMBERS,))},
    )


def _update(run: TrainConfig, policy: Policy) -> Update:
    settings = run.policy.optimizer_preset()
    optimizer = build_optimizer(policy, settings, use_groups=True, fused=True)
    return Update(
        policy,
        optimizer,
        build_schedule(run.schedule(), optimizer, run.steps),
        clip=settings.grad_clip_norm,
        precision=run.precision,
        seed=0,
        device=policy.device,
    )


def _source(
    run: TrainConfig, policy: Policy, options: argparse.Namespace, folder: Path
) -> tuple[Callable[[], Batch], dict[str, Any]]:
    """Where batches come from, and what it cost to keep what is kept."""
    plain = _batch(options, run.batch_size)
    if run.prefix_cache == "off":
        return lambda: plain, {}
    began, worked = time.perf_counter(), time.process_time()
    seen = example_batch(run.model_copy(update={"batch_size": FRAMES_AT_ONCE}), policy, [TASK]).observation
    arrays = {name: _stored(folder / name, seen[name].cpu()) for name in seen.keys() - plain.observation.keys()}
    build = {
        "build_s_per_frame": (time.perf_counter() - began) / FRAMES_AT_ONCE,
        "build_cpu_s_per_frame": (time.process_time() - worked) / FRAMES_AT_ONCE,
    }
    others = {STATE: plain.observation[STATE]}
    rng = np.random.default_rng(0)

    def take() -> Batch:
        rows = rng.integers(0, _FRAMES, run.batch_size)
        kept = {
            name: torch.from_numpy(np.take(array, rows, axis=0)).view(dtype) for name, (array, dtype) in arrays.items()
        }
        return dataclasses.replace(plain, observation=others | kept)

    frame_bytes = sum(array[0].nbytes for array, _ in arrays.values())
    return take, {**build, "bytes_per_frame": frame_bytes}


def _batch(options: argparse.Namespace, size: int) -> Batch:
    drawn = drawn_batch(size, options.cameras, options.side)
    action, pad = drawn.pop(ACTION), drawn.pop("action_is_pad")
    assert action.shape[1] == CHUNK
    return Batch(drawn, action, pad, task=[TASK] * size)


def _stored(path: Path, seen: torch.Tensor) -> tuple[np.ndarray, torch.dtype]:
    """`seen` (n, tokens, width) of a few frames as a file of many."""
    numbers = (seen.view(torch.int16) if seen.dtype is torch.bfloat16 else seen).numpy()
    array = np.memmap(path, dtype=numbers.dtype, mode="w+", shape=(_FRAMES, *numbers.shape[1:]))
    for first in range(0, _FRAMES, len(numbers)):
        array[first : first + len(numbers)] = numbers[: _FRAMES - first]
    return array, seen.dtype


if __name__ == "__main__":
    main()
