"""What a policy sees, kept on disk: the same numbers whoever asks; stops, damage and a full disk are survived."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from make_dataset import make_dataset
from understudy.core.errors import DiskFull
from understudy.data import seen_store
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.seen_store import Look, SeenStores, seen_key

CAMERAS = ("observation.images.front", "observation.images.wrist")
TOKENS, WIDTH = 4, 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [camera.rsplit(".", 1)[1] for camera in CAMERAS]
    return make_dataset(tmp_path_factory.mktemp("set") / "d", episodes=3, frames=[5, 20, 9], cameras=names)


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return load_dataset(str(folder))


def seen(camera: str, rows: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
    numbers = torch.from_numpy(rows).double()[:, None, None] + torch.linspace(0, 1, TOKENS * WIDTH).view(TOKENS, WIDTH)
    return (numbers + 1000 * CAMERAS.index(camera)).to(dtype)


def stores_of(
    dataset: Dataset, cache: Path, identity: str = "ab" * 16, dtype: torch.dtype = torch.float32
) -> SeenStores:
    example = torch.empty(1, TOKENS, WIDTH, dtype=dtype)
    return SeenStores(dataset, cache, lambda part: {c: seen_key(part, c, identity, example) for c in CAMERAS})


def never(camera: str, rows: np.ndarray) -> Tensor:
    pytest.fail(f"{camera} was looked at again, at {rows}")


def after(frames: int, then: Callable[[], None]) -> Look:
    """Looks at so many frames, and then something happens."""
    left = frames

    def look(camera: str, rows: np.ndarray) -> Tensor:
        nonlocal left
        if left < len(rows):
            then()
        left -= len(rows)
        return seen(camera, rows)

    return look


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_seen_is_given_back_bit_for_bit_in_any_order(
    dataset: Dataset, tmp_path: Path, dtype: torch.dtype
) -> None:
    stores = stores_of(dataset, tmp_path, dtype=dtype)
    assert (stores.frames_to_see, stores.entries) == (68, 2)
    assert stores.bytes == stores.bytes_to_write == 68 * TOKENS * WIDTH * dtype.itemsize
    stores.complete(lambda camera, rows: seen(camera, rows, dtype))
    again = stores_of(dataset, tmp_path, dtype=dtype)
    assert again.bytes_to_write == again.frames_to_see == 0
    frames = again.complete(never)
    rows = np.array([33, 0, 5, 5, 24])
    for camera in CAMERAS:
        found = frames.gather(camera, rows)
        assert found.dtype is dtype and torch.equal(found, seen(camera, rows, dtype))
    assert frames.names == list(CAMERAS)


def test_frames_are_looked_at_a_few_at_a_time_and_never_across_episodes(dataset: Dataset, tmp_path: Path) -> None:
    asked = []

    def look(camera: str, rows: np.ndarray) -> Tensor:
        asked.append(rows)
        return seen(camera, rows)

    stores_of(dataset, tmp_path).complete(look)
    assert [len(rows) for rows in asked] == 2 * [5, 8, 8, 4, 8, 1]
    assert [int(rows[0]) for rows in asked] == 2 * [0, 5, 13, 21, 25, 33]


def test_subsets_of_the_episodes_share_what_was_seen(folder: Path, dataset: Dataset, tmp_path: Path) -> None:
    part = load_dataset(str(folder), episodes=[2])
    stores_of(part, tmp_path).complete(seen)
    stores = stores_of(dataset, tmp_path)
    assert stores.frames_to_see == 50
    frames, whole = stores.complete(lambda c, rows: seen(c, rows)), np.arange(34)
    # rows of the part are others than those of the whole: its nine frames begin at 0
    expected = torch.cat([seen(CAMERAS[0], whole[:25]), seen(CAMERAS[0], whole[:9])])
    assert torch.equal(frames.gather(CAMERAS[0], whole), expected)


def test_what_other_weights_saw_is_not_used(dataset: Dataset, tmp_path: Path) -> None:
    stores_of(dataset, tmp_path, "ab" * 16).complete(lambda camera, rows: -seen(camera, rows))
    others = stores_of(dataset, tmp_path, "cd" * 16)
    assert others.frames_to_see == 68
    assert torch.equal(others.complete(seen).gather(CAMERAS[1], np.arange(34)), seen(CAMERAS[1], np.arange(34)))
    first = stores_of(dataset, tmp_path, "ab" * 16).complete(never)
    assert torch.equal(first.gather(CAMERAS[1], np.arange(34)), -seen(CAMERAS[1], np.arange(34)))


def test_another_precision_is_looked_at_anew(dataset: Dataset, tmp_path: Path) -> None:
    stores_of(dataset, tmp_path).complete(seen)
    coarse = stores_of(dataset, tmp_path, dtype=torch.bfloat16)
    assert coarse.frames_to_see == 68


def test_a_build_that_was_stopped_goes_on_with_the_next_episode(dataset: Dataset, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stores_of(dataset, tmp_path).complete(after(5 + 8, stop))
    left = stores_of(dataset, tmp_path)
    assert left.frames_to_see == 68 - 5
    assert torch.equal(left.complete(seen).gather(CAMERAS[0], np.arange(34)), seen(CAMERAS[0], np.arange(34)))


def test_a_build_that_was_killed_goes_on_with_the_next_episode(dataset: Dataset, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        stores_of(dataset, tmp_path).complete(after(25 + 8, lambda: os.kill(os.getpid(), signal.SIGKILL)))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    left = stores_of(dataset, tmp_path)
    assert left.frames_to_see == 68 - 25
    frames = left.complete(seen)
    for camera in CAMERAS:
        assert torch.equal(frames.gather(camera, np.arange(34)), seen(camera, np.arange(34)))


@pytest.mark.parametrize("harm", ["a bit", "cut short"])
def test_what_is_damaged_is_named_and_looked_at_again(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    stores = stores_of(dataset, tmp_path)
    stores.complete(seen)
    path = stores.folder / CAMERAS[1] / "seen.bin"
    content = bytearray(path.read_bytes())
    if harm == "a bit":
        content[-1] ^= 1
    path.write_bytes(content if harm == "a bit" else content[:-1])
    capsys.readouterr()
    frames = stores_of(dataset, tmp_path).complete(seen)
    said = capsys.readouterr()
    assert f"stored results of {CAMERAS[1]} do not match their checksum (episode 2)" in said.err
    assert "looked at 9 frames" in said.out
    assert torch.equal(frames.gather(CAMERAS[1], np.arange(34)), seen(CAMERAS[1], np.arange(34)))


def test_a_disk_that_is_full_halfway_leaves_whole_episodes(dataset: Dataset, small_disk: Callable[[int], Path]) -> None:
    # 34 frames of 400 bytes are 13.6 kB a camera; the logs take a page each
    disk = small_disk(98_304)
    with pytest.raises(DiskFull, match="the prefix cache could not be written") as caught:
        stores_of(dataset, disk).complete(lambda camera, rows: _filling(disk, camera, rows))
    assert caught.value.hint is not None and "--prefix_cache=off" in caught.value.hint
    (disk / "else").unlink()
    left = stores_of(dataset, disk)
    assert left.frames_to_see == 34 + 29
    frames = left.complete(seen)
    assert torch.equal(frames.gather(CAMERAS[0], np.arange(34)), seen(CAMERAS[0], np.arange(34)))


def _filling(disk: Path, camera: str, rows: np.ndarray) -> Tensor:
    """Someone else fills the disk while the first episode is looked at."""
    if not (disk / "else").exists():
        free = os.statvfs(disk)
        (disk / "else").write_bytes(bytes(free.f_bavail * free.f_bsize))
    return seen(camera, rows)


def test_room_is_what_is_free_less_what_is_kept_free(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for usable, expected in ((5_000, 5_000), (-1, 0)):
        monkeypatch.setattr(seen_store, "usable_disk_bytes", lambda cache, usable=usable: usable)
        assert stores_of(dataset, tmp_path).usable_bytes == expected
