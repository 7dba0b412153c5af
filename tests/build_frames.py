"""A process of its own that decodes a dataset into the frame store, to be disturbed from outside.

    python build_frames.py open DATASET [seconds per frame]    says "decoding" once it has decoded a frame
    python build_frames.py die DATASET                         dies by SIGKILL before and after every write, in turn

The cache is the one that UNDERSTUDY_CACHE names.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.files import cache_folder
from understudy.data import frame_build, frame_fill
from understudy.data.frames import open_frames, plan_frames
from understudy.data.lerobot import Dataset, load_dataset

_WRITES = ("open", "posix_fallocate", "pwrite", "write", "fsync", "ftruncate", "replace", "mkdir")


def build_slowly(dataset: Dataset, seconds: float) -> None:
    """Decode into the store, taking `seconds` for each frame."""
    read_frames = Dataset.read_frames

    def slow(self: Dataset, camera: str, episode: int) -> Iterator[np.ndarray]:
        for frame in read_frames(self, camera, episode):
            yield frame
            os.write(1, b"decoding\n")  # in one piece, whichever thread it comes from
            time.sleep(seconds)

    Dataset.read_frames = slow  # type: ignore[method-assign]
    open_frames(dataset, plan_frames(dataset, tier="disk"), workers=2).close()


def die_at(instant: int) -> None:
    """Arrange for SIGKILL just before or just after a call that writes: instant 0 is before the first, 1 after it."""
    counter = itertools.count()

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **keywords: Any) -> Any:
            if next(counter) == instant:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **keywords)
            if next(counter) == instant:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    # a killed process loses nothing that it has written, so waiting for the disk would only cost time
    os.fsync = lambda file: None  # type: ignore[assignment]
    for name in _WRITES:
        setattr(os, name, deadly(getattr(os, name)))


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_everywhere(dataset: Dataset) -> None:
    """Kill a build at every instant in turn; after each, a second build has to complete the store rightly."""
    camera = dataset.spec.cameras[0]
    expected = np.concatenate([list(dataset.read_frames(camera, e)) for e in range(len(dataset.episodes))])

    def build() -> None:
        open_frames(dataset, plan_frames(dataset, tier="disk"), workers=1)
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()

    def check() -> None:
        # whatever is said to be there has to be right before anything is mended
        frames = open_frames(dataset, plan_frames(dataset, tier="disk"), workers=1)
        np.testing.assert_array_equal(frames.gather(camera, np.arange(len(expected))), expected)

    kills, partly, checked = 0, 0, None
    for instant in itertools.count():
        shutil.rmtree(cache_folder(), ignore_errors=True)

        def killed(instant: int = instant) -> None:
            die_at(instant)
            build()

        code = in_child(killed)
        if code == 0:
            break
        if code != -signal.SIGKILL:
            sys.exit(f"instant {instant}: the build ended by {code}")
        kills += 1
        left = {str(path): path.read_bytes() for path in cache_folder().rglob("*") if path.is_file()}
        partly += 0 < plan_frames(dataset, tier="disk").frames_to_decode < len(expected)
        if left != checked and in_child(check):
            sys.exit(f"instant {instant}: the store is wrong after it")
        checked = left
    print(f"killed {kills}, partly built {partly}")


if __name__ == "__main__":
    # a kill may leave something undone, never something wrong
    frame_fill.warn = lambda text: sys.exit(f"unexpected: {text}")
    loaded = load_dataset(str(Path(sys.argv[2])))
    if sys.argv[1] == "die":
        frame_build.say = frame_fill.say = lambda text="": None
        die_everywhere(loaded)
    else:
        build_slowly(loaded, float(sys.argv[3]))
