"""What a training step costs with pictures, and with what frozen weights make of them kept.

    python benchmarks/prefix_cache.py full 1 5     # size, batch, rounds

SmolVLA with random weights, fp32, two cameras of 480x640, one task; loss and gradients without the optimiser, in turns.
Reading what is kept is counted: it is gathered from a file that is in the page cache.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from understudy.core.rng import Rng
from understudy.data.spec import IMAGES, STATE, FeatureType
from understudy.policies.base import Policy
from understudy.policies.config import Feature
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.train.config import TrainConfig
from understudy.train.prefix_cache import example_batch

_FRAMES = 16
KINDS = ("off", "features", "memory")
TASKS = ["pick up the cube"]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("size", choices=("tiny", "full"))
    options.add_argument("batch", type=int)
    options.add_argument("rounds", type=int)
    given = options.parse_args()
    torch.manual_seed(0)
    policy = _config(given.size).build(_config(given.size).fake_statistics()).train()
    run = TrainConfig.model_validate(
        {"policy": policy.config, "dataset": {"repo_id": "none"}, "batch_size": given.batch, "precision": "fp32"}
    )
    with tempfile.TemporaryDirectory() as folder:
        steps = {kind: _step(policy, run.model_copy(update={"prefix_cache": kind}), Path(folder)) for kind in KINDS}
        seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in range(1 + given.rounds):  # the first one allocates
            for kind, step in steps.items():
                policy.zero_grad(set_to_none=True)
                began = time.perf_counter()
                step()
                if number:
                    seconds[kind].append(time.perf_counter() - began)
    for kind, found in seconds.items():
        print(f"{kind}: median {statistics.median(found):.3f} s a step, {min(found):.3f} to {max(found):.3f}")
    print(f"batch {given.batch}, {torch.get_num_threads()} threads, n = {given.rounds}")


def _step(policy: Policy, run: TrainConfig, folder: Path) -> Callable[[], None]:
    batch = example_batch(run, policy, TASKS)
    plain = example_batch(run.model_copy(update={"prefix_cache": "off"}), policy, TASKS)
    kept = {n: _stored(folder / n, batch.observation[n]) for n in batch.observation.keys() - plain.observation.keys()}
    print(f"{run.prefix_cache}: {sum(array[0].nbytes for array in kept.values()):,} bytes kept of a frame")

    def step() -> None:
        rows = np.random.default_rng(0).integers(0, _FRAMES, len(batch))
        for name, array in kept.items():
            batch.observation[name] = torch.from_numpy(np.take(array, rows, axis=0))
        policy.loss(batch, Rng(0)).total.backward()

    return step


def _config(size: str) -> SmolVlaConfig:
    features = {
        "input_features": {
            IMAGES + "front": Feature(type=FeatureType.VISUAL, shape=(3, 480, 640)),
            IMAGES + "wrist": Feature(type=FeatureType.VISUAL, shape=(3, 480, 640)),
            STATE: Feature(type=FeatureType.STATE, shape=(6,)),
        },
        "output_features": {"action": Feature(type=FeatureType.ACTION, shape=(6,))},
    }
    if size == "tiny":
        return SmolVlaConfig.model_validate(SmolVlaConfig.tiny().model_dump() | features)
    return SmolVlaConfig(from_scratch=True, tokenizer_name="tiny", device="cpu", **features)


def _stored(path: Path, values: torch.Tensor) -> np.ndarray:
    one = values[0].numpy()
    array = np.memmap(path, dtype=one.dtype, mode="w+", shape=(_FRAMES, *one.shape))
    array[:] = one
    return array


if __name__ == "__main__":
    main()
