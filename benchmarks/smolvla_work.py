"""The work that SmolVLA's training is timed on, and how a step is timed. No program's name is in here.

Both sides' timing programs use this file, each in its own environment, so it needs nothing but numpy and torch.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

STATE, ACTION = "observation.state", "action"
NUMBERS = 6  # of a state and of an action
CHUNK = 50
TASK = "pick up the red cube and put it into the box"
# SmolVLM2's kind of tokenizer, learnt from three sentences: the words are few, and how many there are is what counts
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
TOKENIZER = Path(__file__).resolve().parents[1] / "tests/parity/smolvla_lerobot_0_4_4/vlm"


def cameras(count: int) -> list[str]:
    """Their names."""
    return [f"observation.images.camera{number + 1}" for number in range(count)]


def drawn_batch(size: int, count: int, side: int) -> dict[str, torch.Tensor]:
    """A batch of windows: pictures uint8 (B, 3, side, side) of `count` cameras, state (B, 6), actions (B, 50, 6)."""
    rng = np.random.default_rng(0)
    batch = {
        name: torch.from_numpy(rng.integers(0, 256, (size, 3, side, side), dtype=np.uint8)) for name in cameras(count)
    }
    batch[STATE] = torch.from_numpy(rng.normal(size=(size, NUMBERS)).astype(np.float32))
    batch[ACTION] = torch.from_numpy(rng.normal(size=(size, CHUNK, NUMBERS)).astype(np.float32))
    batch["action_is_pad"] = torch.zeros(size, CHUNK, dtype=torch.bool)
    return batch


def add_work_options(parser: argparse.ArgumentParser) -> None:
    """What both sides are asked to do."""
    parser.add_argument("--setting", required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--side", type=int, default=256, help="pixels along a side of a picture")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--device", default="cpu")


def time_steps(step: Callable[[], float], options: argparse.Namespace, facts: dict[str, Any]) -> None:
    """Print one JSON line: seconds of each step after the warm-up, by the clock and of all its threads on the CPU, the
    losses, and the most memory that was held.

    step    takes a batch that is decoded and makes one update of it; returns the loss
    facts   about the contestant, to be printed with them
    """
    device = torch.device(options.device)
    built = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds, worked, losses = [], [], []
    for _ in range(options.warm_up + options.steps):
        _wait(device)
        began, worked_before = time.perf_counter(), time.process_time()
        losses.append(step())
        _wait(device)
        seconds.append(time.perf_counter() - began)
        worked.append(time.process_time() - worked_before)
    found = {
        "step_s": seconds[options.warm_up :],
        "step_cpu_s": worked[options.warm_up :],
        "first_step_s": seconds[0],
        "losses": losses,
        "rss_when_built": built,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "device_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
    }
    print(json.dumps(found | facts), flush=True)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
