"""Bringing the stores of a dataset's cameras to where they hold every loaded episode, whatever they were found like.

One process at a time fills them; another one that wants the same waits for it, and uses what it made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import ResourceError
from understudy.core.files import locked
from understudy.core.log import say, warn

from .cache import note_use
from .frame_store import FrameStore, disk_trouble_reported
from .store_key import StoreKey

if TYPE_CHECKING:
    from .lerobot import Dataset


def fill(dataset: Dataset, cache: Path, stores: Mapping[str, FrameStore], make: Callable[[], None]) -> None:
    """Complete the `stores` (camera -> store, of one kind): what is missing, or found damaged, is made by `make`.

    make   writes every episode that `missing_episodes` then names, to the open stores
    Raises DiskFull, ResourceError and what `make` raises; episodes finished before that are kept.
    """
    key = next(iter(stores.values())).key
    note_use(key.all_cameras(cache))
    episodes = [episode.index for episode in dataset.episodes]
    damaged = {camera: store.damaged(episodes) for camera, store in stores.items()}
    complete = not any(damaged[camera] or missing_episodes(dataset, store) for camera, store in stores.items())
    if complete and all(store.is_flushed for store in stores.values()):
        return
    folder = key.all_cameras(cache)
    with ExitStack() as held:
        with disk_trouble_reported(folder, key):
            if not _lock(held, folder / "lock", key, wait=not complete):
                return  # whoever has the lock will see to it that they reach the disk
        for camera, store in stores.items():
            held.enter_context(store)
            store.read()
            # looked at again: whoever held the lock may have mended them
            _forget(store, store.damaged(damaged[camera], most_bytes=None))
        make()
        # training need not wait for the disk; should the process end before, the next one does this again
        Thread(target=_flush, args=(list(stores.values()), held.pop_all()), name="flush frames", daemon=True).start()


def missing_episodes(dataset: Dataset, store: FrameStore) -> list[int]:
    """Positions in `dataset.episodes` of those that the store does not hold whole."""
    return [p for p, episode in enumerate(dataset.episodes) if not store.has(episode.index, episode.length)]


def places(dataset: Dataset, store: FrameStore) -> np.ndarray:
    """(rows,) int64: where each row of the dataset lies in a complete store."""
    first_stored = np.array([store.episodes[episode.index].row for episode in dataset.episodes], dtype=np.int64)
    first_row = np.array([episode.start for episode in dataset.episodes], dtype=np.int64)
    shift = (first_stored - first_row)[dataset.episode_of_row]
    found: np.ndarray = np.arange(dataset.num_rows) + shift
    return found


def _lock(held: ExitStack, path: Path, key: StoreKey, *, wait: bool) -> bool:
    if held.enter_context(locked(path, wait=False)):
        return True
    if wait:
        told = key.told
        say(f"another process is {told.making} this dataset; waiting for it to finish, then using its {told.content}")
        held.enter_context(locked(path, wait=True))
    return wait


def _flush(stores: list[FrameStore], held: ExitStack) -> None:
    with held:
        try:
            for store in stores:
                store.flush()
        except ResourceError as error:
            warn(f"the stored {stores[0].key.told.content} may not last: {error.what}")


def _forget(store: FrameStore, damaged: list[int]) -> None:
    for episode in damaged:
        store.forget(episode)
    if damaged:
        more = f" and {len(damaged) - 10} more" if len(damaged) > 10 else ""
        named = ", ".join(map(str, damaged[:10])) + more
        key = store.key
        warn(
            f"stored {key.told.content} of {key.camera} do not match their checksum (episode {named}); "
            f"{key.told.making} them again"
        )
