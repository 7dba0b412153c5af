"""Windows per second from LeRobot's own data loader. Runs in LeRobot's environment, and prints one JSON document.

    .venv-lerobot/bin/python benchmarks/lerobot_windows.py DATASET --workers 2 --seconds 10

The loader is built as `lerobot-train` builds it: shuffled batches of 8, prefetch of 2 batches per worker, PyAV. What
the workers fetched ahead before the clock starts is used up first, so that only the steady rate counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # type: ignore[import-not-found]

_PREFETCH = 2


def main() -> None:
    """Load batches for a while and tell how many windows came per second."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--chunk", type=int, default=100)
    options = parser.parse_args()
    root = options.dataset
    fps = json.loads((root / "meta/info.json").read_text())["fps"]
    offsets = [frame / fps for frame in range(options.chunk)]
    dataset = LeRobotDataset(
        f"local/{root.name}", root=root, delta_timestamps={"action": offsets}, video_backend="pyav"
    )
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=options.batch,
        shuffle=True,
        num_workers=options.workers,
        prefetch_factor=_PREFETCH if options.workers else None,
        drop_last=True,
    )
    batches = _endless(loader)
    for _ in range(1 + _PREFETCH * options.workers):
        next(batches)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < options.seconds:
        next(batches)
        count += 1
    seconds = time.perf_counter() - began
    print(json.dumps({"windows_per_s": count * options.batch / seconds, "batches": count, "seconds": seconds}))


def _endless(loader: Iterable[object]) -> Iterator[object]:
    while True:
        yield from loader


if __name__ == "__main__":
    main()
