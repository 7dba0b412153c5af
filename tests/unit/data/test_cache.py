"""The cache folder: what it holds is told, and what is cleared is made again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from make_dataset import make_dataset
from understudy.core.files import locked
from understudy.data.cache import CacheEntry, clear, entries
from understudy.data.frames import open_frames, plan_frames
from understudy.data.lerobot import Dataset, load_dataset

CAMERA = "observation.images.front"
DAY_S = 86_400


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load_dataset(str(make_dataset(tmp_path / "d", episodes=2, frames=6)))


def decode(dataset: Dataset) -> np.ndarray:
    frames = open_frames(dataset, plan_frames(dataset, tier="disk"))
    return frames.gather(CAMERA, np.arange(12))


def made(cache: Path, name: str, *, size: int = 5000, days: float = 0) -> Path:
    folder = cache / name
    folder.mkdir(parents=True)
    (folder / "content").write_bytes(bytes(size))
    at = time.time() - days * DAY_S
    for path in (folder / "content", folder):
        os.utime(path, (at, at))
    return folder


def told(cache: Path) -> list[tuple[str, str]]:
    return [(entry.kind, entry.folder.name) for entry in entries(cache)]


def test_each_kind_is_listed_with_what_it_takes_and_the_newest_first(own_cache: Path) -> None:
    assert entries(own_cache) == []
    made(own_cache, "seen/data/old", days=3)
    made(own_cache, "seen/data/new", size=100_000)
    made(own_cache, "levels/data")
    made(own_cache, "frames/data")
    made(own_cache, "benchmarks/pusht")
    assert told(own_cache) == [("frames", "data"), ("seen", "new"), ("seen", "old"), ("levels", "data")]
    new, old = entries(own_cache)[1:3]
    assert new.fingerprint == "data" and new.bytes >= 100_000 > old.bytes >= 5000
    assert time.time() - old.used == pytest.approx(3 * DAY_S, abs=60)


def test_decoded_frames_are_listed_under_the_datasets_fingerprint_and_made_again(
    dataset: Dataset, own_cache: Path
) -> None:
    before = decode(dataset)
    (entry,) = entries(own_cache)
    assert (entry.kind, entry.fingerprint) == ("frames", dataset.fingerprint)
    assert entry.bytes >= before.nbytes
    assert wait_and_clear(entry) == []
    assert entries(own_cache) == [] and not entry.folder.exists()
    assert np.array_equal(decode(dataset), before)


def wait_and_clear(entry: CacheEntry) -> list[CacheEntry]:
    # what was just written is being brought to the disk, and is held until then
    with locked(entry.folder / "lock", wait=True):
        pass
    return clear([entry])


def test_what_is_read_again_has_been_used_today(dataset: Dataset, own_cache: Path) -> None:
    decode(dataset)
    (entry,) = entries(own_cache)
    for path in (*entry.folder.rglob("*"), entry.folder):
        os.utime(path, (1e9, 1e9))
    assert entries(own_cache)[0].used == 1e9
    decode(dataset)
    assert time.time() - entries(own_cache)[0].used < DAY_S


def test_what_is_being_filled_is_left(own_cache: Path) -> None:
    made(own_cache, "seen/data/a")
    made(own_cache, "seen/data/b")
    with locked(own_cache / "seen/data/a/lock", wait=False):
        left = clear(entries(own_cache))
    assert [entry.folder.name for entry in left] == ["a"]
    assert told(own_cache) == [("seen", "a")]


def test_what_a_killed_clearing_left_is_no_entry_and_goes_with_the_next(own_cache: Path) -> None:
    torn = made(own_cache, "seen/data/.tmp-a-17")
    made(own_cache, "seen/data/b")
    assert told(own_cache) == [("seen", "b")]
    clear(entries(own_cache))
    assert not torn.exists() and not (own_cache / "seen/data").exists()
