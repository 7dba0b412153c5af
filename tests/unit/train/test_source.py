"""Batches by number: gathered ahead, in whatever order they are asked for, and the same each time."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from make_dataset import make_dataset
from understudy.core.errors import DataError
from understudy.data.frames import open_frames, plan_frames
from understudy.data.lerobot import load_dataset
from understudy.data.sampler import Sampler
from understudy.data.spec import Batch
from understudy.data.windows import Windows
from understudy.train.source import Source

CPU = torch.device("cpu")


class _Windows:
    """Stands for Windows: notes what is gathered; batch number n has n as its only row."""

    def __init__(self, broken: int | None = None) -> None:
        self.gathered: list[int] = []
        self.broken = broken
        self.changed = threading.Condition()

    def gather(self, rows: np.ndarray, *, shared: np.ndarray | None = None) -> Batch:
        number = int(rows[0])
        with self.changed:
            self.gathered.append(number)
            self.changed.notify_all()
        if number == self.broken:
            raise DataError("a frame of the video is damaged")
        return Batch({}, torch.full((1, 1, 1), float(number)), torch.zeros(1, 1, dtype=torch.bool), rows=rows)

    def wait_for(self, numbers: set[int]) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: set(self.gathered) >= numbers, timeout=20)


class _Numbers(Sampler):
    """Row n for batch number n."""

    def __init__(self) -> None:
        super().__init__(np.arange(10), 1, 0)

    def batch_of(self, draw: int) -> np.ndarray:
        return np.array([draw])


def source_of(windows: _Windows, ahead: int) -> Source:
    return Source(windows, _Numbers(), CPU, ahead=ahead)  # type: ignore[arg-type]


@pytest.mark.parametrize("draws", [[0, 1, 2, 3, 4, 5], [7, 8, 3, 4, 4, 0, 20]])
def test_each_number_gives_its_batch_in_any_order(draws: list[int]) -> None:
    with contextlib.closing(source_of(_Windows(), 3)) as source:
        assert [int(source.take(draw).action) for draw in draws] == draws


def test_the_batches_of_the_next_update_are_gathered_before_they_are_asked_for_and_none_twice() -> None:
    windows = _Windows()
    with contextlib.closing(source_of(windows, 3)) as source:
        source.take(0)
        assert windows.wait_for({0, 1, 2, 3})
        source.take(1)
        assert windows.wait_for({4})
    assert sorted(windows.gathered) == [0, 1, 2, 3, 4]


def test_with_nothing_ahead_batches_are_gathered_when_they_are_taken_and_by_no_thread() -> None:
    windows = _Windows()
    threads = threading.active_count()
    with contextlib.closing(source_of(windows, 0)) as source:
        assert [int(source.take(draw).action) for draw in (0, 1, 5)] == [0, 1, 5]
        assert (windows.gathered, threading.active_count()) == ([0, 1, 5], threads)


def test_a_fault_is_told_when_its_batch_is_taken_and_not_before() -> None:
    windows = _Windows(broken=2)
    with contextlib.closing(source_of(windows, 2)) as source:
        source.take(0)
        assert windows.wait_for({2})
        source.take(1)
        with pytest.raises(DataError, match="damaged"):
            source.take(2)
        assert int(source.take(3).action) == 3


def _real(folder: Path, tier: str, device: str) -> tuple[Windows, Sampler]:
    dataset = load_dataset(str(make_dataset(folder / "set", episodes=2, frames=[9, 8], cameras=("front",))))
    frames = open_frames(dataset, plan_frames(dataset, tier=tier, device=device), workers=1)
    windows = Windows(dataset, frames, action_offsets=range(3), cameras=dataset.spec.cameras)
    return windows, Sampler(np.arange(17), 4, 1)


@pytest.mark.gpu
@pytest.mark.parametrize("tier", ["disk", "decode", "device"])
def test_on_cuda_batches_arrive_whole_while_the_device_is_busy(tier: str, tmp_path: Path) -> None:
    device = torch.device("cuda:0")
    windows, sampler = _real(tmp_path, tier, str(device))
    expected = [windows.gather(sampler.rows_of(draw)) for draw in range(30)]
    load = torch.randn(2000, 2000, device=device)
    with contextlib.closing(Source(windows, sampler, device, ahead=3)) as source:
        for draw, right in enumerate(expected):
            batch = source.take(draw)
            load = (load @ load).tanh()
            for found, wanted in zip(batch.tensors(), right.tensors(), strict=True):
                assert found.is_cuda
                assert torch.equal(found.cpu(), wanted.cpu())
