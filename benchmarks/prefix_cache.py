"""What a training step costs with pictures, and with what the frozen vision tower sees in them kept.

    python benchmarks/prefix_cache.py full 1 3     # size, batch, rounds

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
from understudy.policies.config import Feature
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.train.config import TrainConfig
from understudy.train.prefix_cache import example_batch

_FRAMES = 16


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
    pictures = example_batch(run.model_copy(update={"prefix_cache": "off"}), policy)
    kept = example_batch(run.model_copy(update={"prefix_cache": "features"}), policy)
    names = sorted(kept.observation.keys() - pictures.observation.keys())
    with tempfile.TemporaryDirectory() as folder:
        stored = {name: _stored(Path(folder) / name, kept.observation[name][0].numpy()) for name in names}

        def from_pictures() -> None:
            policy.loss(pictures, Rng(0)).total.backward()

        def from_kept() -> None:
            rows = np.random.default_rng(0).integers(0, _FRAMES, given.batch)
            for name in names:
                kept.observation[name] = torch.from_numpy(np.take(stored[name], rows, axis=0))
            policy.loss(kept, Rng(0)).total.backward()

        seconds: dict[str, list[float]] = {"from pictures": [], "from what is kept": []}
        for step in range(1 + given.rounds):  # the first one allocates
            for name, work in zip(seconds, (from_pictures, from_kept), strict=True):
                policy.zero_grad(set_to_none=True)
                taken = _seconds(work)
                if step:
                    seconds[name].append(taken)
    for name, found in seconds.items():
        print(f"{name}: median {statistics.median(found):.3f} s a step, {min(found):.3f} to {max(found):.3f}")
    print(f"kept of a frame: {kept.observation[names[0]][0].numel() * 4:,} bytes")
    print(f"batch {given.batch}, {torch.get_num_threads()} threads, n = {given.rounds}")


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


def _stored(path: Path, one: np.ndarray) -> np.ndarray:
    array = np.memmap(path, dtype=one.dtype, mode="w+", shape=(_FRAMES, *one.shape))
    array[:] = one
    return array


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
