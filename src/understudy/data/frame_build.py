"""Decoding whole episodes, several at a time, into the frame store or into memory, with progress and a prompt stop.

Threads suffice: decoding, colour conversion, checksums and writing all release the interpreter's lock. The main thread
only watches, so Ctrl-C is noticed within a fraction of a second; the episodes finished by then stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import DataError
from understudy.core.log import progress, say
from understudy.core.units import readable_duration

from .frame_fill import fill, missing_episodes
from .frame_store import FrameStore
from .store_key import FrameKey

if TYPE_CHECKING:
    from .lerobot import Dataset

_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class _Job:
    """Decode one episode of one camera; `store` consumes its frames."""

    dataset: Dataset
    camera: str
    episode: int  # position in dataset.episodes
    store: Callable[[Iterator[np.ndarray]], None]

    @property
    def length(self) -> int:
        return self.dataset.episodes[self.episode].length


class _Stopped(Exception):
    """Thrown inside a decoding thread when another has failed or the user has had enough."""


def decode_into_memory(dataset: Dataset, workers: int) -> dict[str, np.ndarray]:
    """Every frame of the loaded episodes: camera -> uint8 (rows, h, w, 3). Raises DataError."""
    arrays = {
        camera: np.empty((dataset.num_rows, *frame_shape(dataset, camera)), np.uint8) for camera in dataset.spec.cameras
    }

    def put(camera: str, row: int, frame: np.ndarray) -> None:
        arrays[camera][row] = frame

    decode_all(dataset, workers, put)
    return arrays


def decode_all(dataset: Dataset, workers: int, put: Callable[[str, int, np.ndarray], None]) -> None:
    """Decode every frame of the loaded episodes and call `put(camera, row, frame)`, from several threads at a time.

    Raises DataError, and whatever `put` raises.
    """
    jobs = []
    for part in dataset.parts:
        for camera in dataset.spec.cameras:
            for position, episode in enumerate(part.dataset.episodes):
                first_row = part.first_row + episode.start

                def store(frames: Iterator[np.ndarray], camera: str = camera, first: int = first_row) -> None:
                    for row, frame in enumerate(frames, first):
                        put(camera, row, frame)

                jobs.append(_Job(part.dataset, camera, position, store))
    _run(jobs, workers)


def complete_stores(dataset: Dataset, cache: Path, workers: int) -> dict[str, FrameStore]:
    """The stores of all cameras with every loaded episode in them; what is missing or damaged is decoded.

    Another process that decodes the same dataset is waited for, and its work used.
    Raises DataError, DiskFull, ResourceError; what was decoded before that is kept.
    """
    stores = {camera: FrameStore(cache, store_key(dataset, camera)) for camera in dataset.spec.cameras}
    fill(dataset, cache, stores, lambda: _run(_jobs_for(dataset, stores), workers))
    return stores


def frame_shape(dataset: Dataset, camera: str) -> tuple[int, int, int]:
    """(height, width, 3) of a camera's frames."""
    _, height, width = dataset.spec.features[camera].shape
    return height, width, 3


def store_key(dataset: Dataset, camera: str) -> FrameKey:
    """What the store of this camera is known by: its name in the files, so that a rename never swaps two cameras."""
    height, width, _ = frame_shape(dataset, camera)
    return FrameKey(dataset.fingerprint, dataset.declared_name(camera), height, width)


def _jobs_for(dataset: Dataset, stores: dict[str, FrameStore]) -> list[_Job]:
    jobs = []
    for camera, store in stores.items():
        for position in missing_episodes(dataset, store):
            episode = dataset.episodes[position]

            def keep(
                frames: Iterator[np.ndarray],
                store: FrameStore = store,
                index: int = episode.index,
                length: int = episode.length,
            ) -> None:
                store.write(index, length, frames)

            jobs.append(_Job(dataset, camera, position, keep))
    return jobs


def _run(jobs: Sequence[_Job], workers: int) -> None:
    """Do the jobs, `workers` at a time. The first error stops the others and is raised."""
    total = sum(job.length for job in jobs)
    if not total:
        return
    # the longest first: a long one started last would keep one processor busy and the others waiting
    jobs = sorted(jobs, key=lambda job: -job.length)
    stop, decoded, started = Event(), _Count(), time.monotonic()

    def do(job: _Job) -> None:
        job.store(_checked_frames(job, stop, decoded))

    pool = ThreadPoolExecutor(min(workers, len(jobs)), thread_name_prefix="decode")
    try:
        futures = [pool.submit(do, job) for job in jobs]
        _watch(futures, total, decoded)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    seconds = time.monotonic() - started
    say(f"decoded {total:,} frames in {readable_duration(seconds)}, {total / seconds:.0f} frames/s")


def _watch(futures: list[Future[None]], total: int, decoded: _Count) -> None:
    with progress("decoding", total, "frames") as advance:
        shown, pending = 0, set(futures)
        while pending:
            done, pending = wait(pending, timeout=_LOOK_EVERY_S, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            now = decoded.value
            advance(now - shown)
            shown = now


def _checked_frames(job: _Job, stop: Event, decoded: _Count) -> Iterator[np.ndarray]:
    """The frames of the job's episode, each of the right shape, exactly as many as the episode has."""
    dataset, number = job.dataset, 0
    episode, shape = dataset.episodes[job.episode], frame_shape(dataset, job.camera)
    try:
        for frame in dataset.read_frames(job.camera, job.episode):
            if stop.is_set():
                raise _Stopped
            if frame.shape != shape:
                raise DataError(
                    f"a frame is {frame.shape[1]}x{frame.shape[0]} pixels; "
                    f"the dataset describes `{job.camera}` as {shape[1]}x{shape[0]}",
                    where=f"frame {number}",
                    hint="correct the camera's shape in meta/info.json, or leave the episode out",
                )
            yield frame
            decoded.add()
            number += 1
    except DataError as error:
        error.where = f"episode {episode.index}, {job.camera}" + (f", {error.where}" if error.where else "")
        raise


class _Count:
    """A number that several threads add to."""

    def __init__(self) -> None:
        self.value = 0
        self._guard = Lock()

    def add(self) -> None:
        with self._guard:
            self.value += 1
