"""The frame store on disk: whole or absent, never in doubt; subsets share it; damage and a full disk are noticed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.core.errors import DiskFull, ResourceError
from understudy.data import frame_store
from understudy.data.frame_store import FrameStore
from understudy.data.store_key import FrameKey

KEY = FrameKey("0123abcd", "observation.images.front", 4, 6)


def frames_of(episode: int, length: int) -> np.ndarray:
    return np.random.default_rng(episode).integers(0, 255, (length, 4, 6, 3), dtype=np.uint8)


def stored(cache: Path, lengths: dict[int, int]) -> FrameStore:
    with FrameStore(cache, KEY) as store:
        for episode, length in lengths.items():
            store.write(episode, length, frames_of(episode, length))
    return FrameStore(cache, KEY)


def content(store: FrameStore, episode: int) -> np.ndarray:
    entry = store.episodes[episode]
    return store.array()[entry.row : entry.row + entry.frames]


def test_what_was_stored_is_read_back(tmp_path: Path) -> None:
    store = stored(tmp_path, {3: 5, 0: 7, 12: 2})
    for episode, length in {3: 5, 0: 7, 12: 2}.items():
        assert store.has(episode, length)
        np.testing.assert_array_equal(content(store, episode), frames_of(episode, length))
    assert not store.has(1, 5)
    assert not store.has(3, 6)
    assert store.damaged([3, 0, 12]) == []


def test_episodes_are_added_to_what_is_there(tmp_path: Path) -> None:
    stored(tmp_path, {3: 5})
    before = (KEY.folder(tmp_path) / "frames.rgb").read_bytes()
    store = stored(tmp_path, {0: 7})
    assert (KEY.folder(tmp_path) / "frames.rgb").read_bytes()[: len(before)] == before
    np.testing.assert_array_equal(content(store, 3), frames_of(3, 5))
    np.testing.assert_array_equal(content(store, 0), frames_of(0, 7))


def test_looking_writes_nothing(tmp_path: Path) -> None:
    assert FrameStore(tmp_path / "cache", KEY).array().shape == (0, 4, 6, 3)
    assert not (tmp_path / "cache").exists()


def test_an_episode_that_fails_half_way_is_not_there_and_its_place_is_used_again(tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield from frames_of(1, 9)[:4]
        raise RuntimeError("the video broke")

    with FrameStore(tmp_path, KEY) as store, pytest.raises(RuntimeError, match="broke"):
        store.write(1, 9, failing())
    assert not FrameStore(tmp_path, KEY).has(1, 9)
    store = stored(tmp_path, {2: 3, 1: 9})
    assert store.episodes[1].row == 0
    np.testing.assert_array_equal(content(store, 1), frames_of(1, 9))
    np.testing.assert_array_equal(content(store, 2), frames_of(2, 3))


@pytest.mark.parametrize("position", [0, 4 * 72 + 11, 10 * 72 - 1])
def test_a_changed_byte_is_found(position: int, tmp_path: Path) -> None:
    store = stored(tmp_path, {0: 4, 1: 6})
    with (KEY.folder(tmp_path) / "frames.rgb").open("r+b") as file:
        file.seek(position)
        old = file.read(1)
        file.seek(position)
        file.write(bytes([old[0] ^ 0x10]))
    assert store.damaged([0, 1]) == [0 if position < 4 * 72 else 1]


def test_a_store_that_lost_its_end_is_found_damaged(tmp_path: Path) -> None:
    store = stored(tmp_path, {0: 4, 1: 6})
    path = KEY.folder(tmp_path) / "frames.rgb"
    path.write_bytes(path.read_bytes()[:-1])
    assert store.damaged([0, 1]) == [1]
    path.unlink()
    assert store.damaged([0, 1]) == [0, 1]


def test_a_large_store_is_checked_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(tmp_path, dict.fromkeys(range(40), 2))
    path = KEY.folder(tmp_path) / "frames.rgb"
    path.write_bytes(bytes(path.stat().st_size))
    assert len(store.damaged(range(40), most_bytes=10 * 2 * 72)) == 10
    assert len(store.damaged(range(40), most_bytes=None)) == 40


def test_a_damaged_episode_is_decoded_into_its_old_place(tmp_path: Path) -> None:
    stored(tmp_path, {0: 4, 1: 6})
    with FrameStore(tmp_path, KEY) as store:
        store.forget(0)
        assert not FrameStore(tmp_path, KEY).has(0, 4)
        store.write(0, 4, frames_of(0, 4))
    again = FrameStore(tmp_path, KEY)
    assert again.has(0, 4) and again.episodes[0].row == 0 and again.array().shape[0] == 10


@given(cut=st.integers(0, 400), tail=st.binary(max_size=20))
def test_a_torn_log_loses_the_last_episodes_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes
) -> None:
    cache = tmp_path_factory.mktemp("torn")
    stored(cache, {0: 2, 1: 3, 2: 1})
    log = KEY.folder(cache) / "episodes.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[: max(0, len(whole) - cut)] + tail)
    left = FrameStore(cache, KEY)
    kept = [episode for episode, length in {0: 2, 1: 3, 2: 1}.items() if left.has(episode, length)]
    assert kept == list(range(len(kept)))
    assert left.damaged(kept) == []
    store = stored(cache, {e: n for e, n in {0: 2, 1: 3, 2: 1}.items() if e not in kept})
    for episode, length in {0: 2, 1: 3, 2: 1}.items():
        assert store.has(episode, length)
        np.testing.assert_array_equal(content(store, episode), frames_of(episode, length))


@pytest.mark.parametrize(
    ("field", "value"), [("format", 0), ("fingerprint", "other"), ("height", 5), ("camera", "observation.images.x")]
)
def test_a_store_of_something_else_is_not_used_and_made_anew(field: str, value: object, tmp_path: Path) -> None:
    stored(tmp_path, {0: 4})
    header = KEY.folder(tmp_path) / "store.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {field: value}))
    assert not FrameStore(tmp_path, KEY).has(0, 4)
    store = stored(tmp_path, {1: 2})
    assert not store.has(0, 4)
    assert (KEY.folder(tmp_path) / "frames.rgb").stat().st_size == 2 * 72


def test_arrays_given_out_cannot_be_written_to(tmp_path: Path) -> None:
    array = stored(tmp_path, {0: 4}).array()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_a_disk_too_small_is_noticed_before_the_first_frame_is_decoded(small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(200_000)
    key = FrameKey("0123abcd", "cam", 100, 100)
    taken = 0

    def frames(n: int) -> Iterator[np.ndarray]:
        nonlocal taken
        for _ in range(n):
            taken += 1
            yield np.full((100, 100, 3), taken, np.uint8)

    with FrameStore(disk, key) as store:
        store.write(0, 2, frames(2))
        with pytest.raises(DiskFull) as caught:
            store.write(1, 50, frames(50))
    assert taken == 2
    assert caught.value.hint and "UNDERSTUDY_CACHE" in caught.value.hint and str(disk) in str(caught.value)
    # what was there is still there, and what could not be kept takes no room
    again = FrameStore(disk, key)
    assert again.has(0, 2) and not again.has(1, 50) and again.damaged([0]) == []
    with again:
        again.write(2, 3, frames(3))
    assert FrameStore(disk, key).has(2, 3)


def test_room_that_was_got_before_the_disk_was_full_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallocate = os.posix_fallocate

    def half(file: int, offset: int, length: int) -> None:
        fallocate(file, offset, length // 2)
        raise OSError(errno.ENOSPC, "No space left on device")

    with FrameStore(tmp_path, KEY) as store:
        store.write(0, 2, frames_of(0, 2))
        monkeypatch.setattr(os, "posix_fallocate", half)
        with pytest.raises(DiskFull):
            store.write(1, 50, frames_of(1, 50))
    assert (KEY.folder(tmp_path) / "frames.rgb").stat().st_size == 2 * KEY.frame_bytes


def test_a_disk_that_fills_up_while_frames_are_written_is_an_error_not_a_crash(
    small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # as on a system that cannot reserve
    monkeypatch.delattr(frame_store.os, "posix_fallocate", raising=False)
    disk = small_disk(200_000)
    key = FrameKey("0123abcd", "cam", 100, 100)
    with FrameStore(disk, key) as store:
        store.write(0, 2, np.zeros((2, 100, 100, 3), np.uint8))
        with pytest.raises(DiskFull):
            store.write(1, 50, np.zeros((50, 100, 100, 3), np.uint8))
    again = FrameStore(disk, key)
    assert again.has(0, 2) and not again.has(1, 50) and again.damaged([0]) == []


def test_a_disk_without_room_for_the_store_itself_is_an_error(small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(64_000)
    (disk / "else").write_bytes(bytes(64_000 // 4096 * 4096))
    with pytest.raises(DiskFull), FrameStore(disk, KEY) as store:
        store.write(0, 2, frames_of(0, 2))


def test_a_cache_that_is_no_folder_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ResourceError) as caught:
        FrameStore(tmp_path / "cache", KEY).open_for_writing()
    assert caught.value.hint and "UNDERSTUDY_CACHE" in caught.value.hint
