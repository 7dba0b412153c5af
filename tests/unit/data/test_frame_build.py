"""Decoding into the store under disturbance: kills, interrupts, a second process, damage, a disk that fills up."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import build_frames
from make_dataset import make_dataset
from understudy.core import log
from understudy.core.errors import DataError, DiskFull, ResourceError
from understudy.data import frame_build, frame_fill, frame_log, frame_store
from understudy.data.frame_store import FrameStore
from understudy.data.frames import Frames, open_frames, plan_frames
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.store_key import dataset_folder

CAMERA = "observation.images.front"
FRAMES = 30


@pytest.fixture(autouse=True)
def warnings_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_warned", set())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("six_episodes") / "set", episodes=6, frames=5, version="v2.1")


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return load_dataset(str(folder))


@pytest.fixture
def another_process(folder: Path) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    """Start a process that decodes the dataset, slowly; returns once its first frame is decoded."""
    started: list[subprocess.Popen[str]] = []

    def start(seconds_per_frame: float) -> subprocess.Popen[str]:
        command = [sys.executable, build_frames.__file__, "open", str(folder), str(seconds_per_frame)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        # it may have to wait first, for what this process is still writing to the disk
        if not any(line == "decoding\n" for line in process.stdout):
            pytest.fail(process.communicate()[1])
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def decode(dataset: Dataset, workers: int = 2) -> Frames:
    return open_frames(dataset, plan_frames(dataset, tier="disk"), workers=workers)


def left_to_decode(dataset: Dataset) -> int:
    return plan_frames(dataset, tier="disk").frames_to_decode


def assert_right(dataset: Dataset, frames: Frames) -> None:
    expected = np.concatenate([list(dataset.read_frames(CAMERA, e)) for e in range(len(dataset.episodes))])
    np.testing.assert_array_equal(frames.gather(CAMERA, np.arange(dataset.num_rows)), expected)


def test_a_build_killed_at_any_write_leaves_a_store_that_the_next_one_completes(tmp_path: Path) -> None:
    small = make_dataset(tmp_path / "set", episodes=2, frames=2)
    command = [sys.executable, build_frames.__file__, "die", str(small)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills, partly = map(int, re.findall(r"\d+", done.stdout.splitlines()[-1]))
    # two episodes: reserve, note, two frames, note each, before and after; what makes the store; and what flushes it
    assert kills > 40 and partly > 5


@pytest.mark.parametrize("trial", range(3))
def test_a_build_killed_at_a_random_moment_goes_on_from_there(
    trial: int, dataset: Dataset, another_process: Callable[[float], subprocess.Popen[str]]
) -> None:
    process = another_process(0.2)
    time.sleep(random.Random(trial).uniform(0, 0.6))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    left = left_to_decode(dataset)
    assert left > 0
    assert_right(dataset, decode(dataset))
    assert left_to_decode(dataset) == 0


def test_an_interrupt_stops_at_once_and_leaves_what_was_decoded(
    dataset: Dataset, another_process: Callable[[float], subprocess.Popen[str]]
) -> None:
    decode(load_dataset(str(dataset.root), episodes=[2])).close()
    process = another_process(1.0)
    process.send_signal(signal.SIGINT)
    errors = process.communicate()[1]
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    assert left_to_decode(dataset) == FRAMES - 5
    assert_right(dataset, decode(dataset))


def test_a_second_process_waits_says_so_and_uses_what_the_first_has_decoded(
    dataset: Dataset,
    another_process: Callable[[float], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process = another_process(0.1)
    with monkeypatch.context() as patched:
        patched.setattr(Dataset, "read_frames", lambda *_: pytest.fail("decoded a second time"))
        frames = decode(dataset)
    assert process.wait() == 0
    assert "another process is decoding this dataset; waiting" in capsys.readouterr().out
    assert_right(dataset, frames)


def test_when_the_first_process_is_killed_the_second_takes_over(
    dataset: Dataset,
    another_process: Callable[[float], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = another_process(1.0)
    said = []

    def hear(text: str) -> None:
        said.append(text)
        process.kill()

    with monkeypatch.context() as patched:
        patched.setattr(frame_fill, "say", hear)
        frames = decode(dataset)
    assert "waiting" in said[0]
    assert_right(dataset, frames)


def test_damaged_frames_are_decoded_again_with_a_warning(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    decode(dataset).close()
    path = next(dataset_folder(Path(os.environ["UNDERSTUDY_CACHE"]), dataset.fingerprint).rglob("frames.rgb"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    frames = decode(dataset)
    said = capsys.readouterr()
    assert "do not match their checksum" in said.err and CAMERA in said.err
    assert "decoded 5 frames" in said.out
    assert_right(dataset, frames)
    decode(dataset)
    assert capsys.readouterr().err == ""


def flushed(dataset: Dataset) -> Frames:
    """Decode on one thread, so that episodes lie in their order; wait until all has reached the disk."""
    frames = decode(dataset, workers=1)
    for thread in threading.enumerate():
        if thread.name == "flush frames":
            thread.join()
    return frames


def test_after_a_crash_of_the_machine_what_had_not_reached_the_disk_is_checked_whole(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as power_fails:
        power_fails.setattr(frame_fill, "_flush", lambda stores, held: held.close())
        flushed(dataset).close()
    cache = Path(os.environ["UNDERSTUDY_CACHE"])
    path = next(dataset_folder(cache, dataset.fingerprint).rglob("frames.rgb"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    capsys.readouterr()
    for module in (frame_log, frame_store):
        monkeypatch.setattr(module, "boot_id", lambda: "the next session")
    store = FrameStore(cache, frame_build.store_key(dataset, CAMERA))
    assert store.damaged(range(6), most_bytes=1) == [3, 4, 5]
    assert_right(dataset, flushed(dataset))
    said = capsys.readouterr()
    assert "(episode 3, 4, 5)" in said.err and "decoded 15 frames" in said.out


def test_what_has_reached_the_disk_is_not_checked_whole_after_a_restart(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed(dataset).close()
    checked = []
    monkeypatch.setattr(frame_log, "boot_id", lambda: "the next session")
    monkeypatch.setattr(FrameStore, "_checksum", lambda self, entry: checked.append(entry) or entry.crc32)
    store = FrameStore(Path(os.environ["UNDERSTUDY_CACHE"]), frame_build.store_key(dataset, CAMERA))
    assert store.is_flushed
    assert store.damaged(range(6), most_bytes=1) == [] and len(checked) == 1


def test_a_system_without_sessions_waits_for_the_disk_before_an_episode_counts(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (frame_log, frame_store):
        monkeypatch.setattr(module, "boot_id", lambda: "")
    monkeypatch.setattr(frame_fill, "_flush", lambda stores, held: held.close())
    fsync, flushes = os.fsync, []
    monkeypatch.setattr(
        os, "fsync", lambda file: (flushes.append(Path(f"/proc/self/fd/{file}").resolve()), fsync(file))
    )
    flushed(dataset).close()
    assert sum(path.name == "frames.rgb" for path in flushes) == 6
    assert FrameStore(Path(os.environ["UNDERSTUDY_CACHE"]), frame_build.store_key(dataset, CAMERA)).is_flushed


def test_a_complete_store_in_a_folder_that_cannot_be_written_to_is_used(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed(dataset).close()
    monkeypatch.setattr(FrameStore, "open_for_writing", lambda self: pytest.fail("opened for writing"))
    monkeypatch.setattr(frame_fill, "locked", lambda *_, **__: pytest.fail("locked"))
    assert_right(dataset, decode(dataset))


def test_a_store_that_was_emptied_is_filled_again(dataset: Dataset) -> None:
    decode(dataset).close()
    for path in dataset_folder(Path(os.environ["UNDERSTUDY_CACHE"]), dataset.fingerprint).rglob("frames.rgb"):
        path.write_bytes(b"")
    assert_right(dataset, decode(dataset))


def test_a_disk_that_fills_up_keeps_what_was_decoded_and_goes_on_when_there_is_room(
    dataset: Dataset, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(1_000_000)
    plan = plan_frames(dataset, tier="disk", cache=disk)
    filler = disk / "filler"
    # room for the two first episodes of six, 11,520 bytes each, and the store's own files
    filler.write_bytes(bytes(1_000_000 // 4096 * 4096 - 4096 * 12))
    with pytest.raises(DiskFull) as caught:
        open_frames(dataset, plan, workers=1)
    assert str(disk) in str(caught.value) and "UNDERSTUDY_CACHE" in str(caught.value)
    filler.unlink()
    left = plan_frames(dataset, tier="disk", cache=disk).frames_to_decode
    assert 0 < left < FRAMES
    assert_right(dataset, open_frames(dataset, plan, workers=1))


def test_a_full_disk_writes_nothing_and_says_so(dataset: Dataset, small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(500_000)
    plan = plan_frames(dataset, tier="disk", cache=disk)
    (disk / "filler").write_bytes(bytes(500_000 // 4096 * 4096))
    with pytest.raises(DiskFull):
        open_frames(dataset, plan)


def test_a_cache_that_is_a_file_is_an_error(dataset: Dataset, tmp_path: Path) -> None:
    plan = plan_frames(dataset, tier="disk", cache=tmp_path / "cache")
    (tmp_path / "cache").write_text("not a folder")
    with pytest.raises(ResourceError, match="cannot be used"):
        open_frames(dataset, plan)


@pytest.mark.parametrize("tier", ["disk", "ram"])
def test_an_error_in_one_episode_stops_the_others(tier: str, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read_frames, given = Dataset.read_frames, []

    def failing(self: Dataset, camera: str, episode: int) -> Iterator[np.ndarray]:
        if episode == 1:
            raise DataError("the video broke")
        for frame in read_frames(self, camera, episode):
            given.append(episode)
            time.sleep(0.05)
            yield frame

    monkeypatch.setattr(Dataset, "read_frames", failing)
    with pytest.raises(DataError, match="the video broke") as caught:
        open_frames(dataset, plan_frames(dataset, tier=tier), workers=2)
    assert caught.value.where == f"episode 1, {CAMERA}"
    assert len(given) < FRAMES - 5


def test_a_finished_build_says_how_fast_it_was(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    decode(dataset)
    assert re.search(r"decoded 30 frames in .* frames/s", capsys.readouterr().out)
    decode(dataset)
    assert "decoded" not in capsys.readouterr().out
