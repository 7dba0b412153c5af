"""How often each level of each channel occurs in an episode's pictures: measured once, then kept in the cache.

    <cache>/levels/<fingerprint>/<camera>-<height>x<width>.npz
      recipe    how episodes were sampled and thinned out; a file of another recipe is made anew
      episodes  (n,) episode_index
      levels    uint32 (n, 3, 256)

Statistics of any choice of episodes follow from these counts, and lose nothing by it: 8-bit pictures have 256 levels.
Without them every start of a run would read pictures of the whole dataset again. Which pictures: a sample of each
episode's frames, larger ones thinned out, both as LeRobot does.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from understudy.core.errors import ResourceError
from understudy.core.files import write_atomically

from .cache import note_use

if TYPE_CHECKING:
    from .dataset_files import Part
    from .frame_spec import Frames
    from .lerobot import Episode

# raise it when `sampled_frames` or `thinned` change
_RECIPE = 1
# frames gathered at once: bounds the memory, 32 frames of 640x480 are 30 MB
_FRAMES_AT_ONCE = 32


def picture_levels(
    part: Part, camera: str, episodes: Sequence[Episode], frames: Frames, cache: Path | None = None
) -> tuple[np.ndarray, int]:
    """The levels of these episodes' sampled pictures, int64 (3, 256), and how many pictures were counted.

    part    the dataset whose `episodes` these are
    frames  of the whole that it is part of
    cache   the cache folder: what is known is read from there, what is not is measured and added; None does neither
    """
    dataset = part.dataset
    _, height, width = dataset.spec.features[camera].shape
    path = None
    if cache is not None:
        name = f"{quote(dataset.declared_name(camera), safe='')}-{height}x{width}.npz"
        path = cache / "levels" / dataset.fingerprint / name
        note_use(path.parent)
    known = _read(path) if path else {}
    pixels = thinned(np.empty((1, height, width, 3), np.uint8))[0, ..., 0].size
    missing = [e for e in episodes if not _fits(known.get(e.index), len(sampled_frames(e.length)) * pixels)]
    for episode in missing:
        known[episode.index] = _measured(frames, camera, episode, part.first_row)
    if missing and path:
        # a cache that cannot be written costs the next run some time, and must not cost this one its life
        with contextlib.suppress(ResourceError, OSError):
            _write(path, known)
    total: np.ndarray = np.stack([known[e.index] for e in episodes]).sum(axis=0)
    return total, sum(len(sampled_frames(e.length)) for e in episodes)


def sampled_frames(length: int) -> np.ndarray:
    """Which frames of an episode its picture statistics come from: LeRobot's rule, about length ** 0.75 of them."""
    count = max(min(length, 100), min(int(length**0.75), 10_000))
    return np.round(np.linspace(0, length - 1, count)).astype(np.int64)


def thinned(pictures: np.ndarray) -> np.ndarray:
    """(B, h, w, 3) with every k-th row and column where the larger side is 300 or more, k = larger side // 150."""
    larger = max(pictures.shape[1:3])
    step = larger // 150 if larger >= 300 else 1
    return pictures[:, ::step, ::step]


def histogram_of(pictures: np.ndarray) -> np.ndarray:
    """(3, 256): how often each level occurs in each channel of (B, h, w, 3) uint8 pictures."""
    return np.stack([np.bincount(pictures[..., channel].ravel(), minlength=256) for channel in range(3)])


def _measured(frames: Frames, camera: str, episode: Episode, first_row: int) -> np.ndarray:
    rows = first_row + episode.start + sampled_frames(episode.length)
    levels = np.zeros((3, 256), np.int64)
    for first in range(0, len(rows), _FRAMES_AT_ONCE):
        levels += histogram_of(thinned(frames.gather(camera, rows[first : first + _FRAMES_AT_ONCE])))
    return levels


def _fits(levels: np.ndarray | None, pixels: int) -> bool:
    """Whether stored counts are those of that many pixels."""
    return levels is not None and bool((levels.sum(axis=1) == pixels).all())


def _read(path: Path) -> dict[int, np.ndarray]:
    """Episode index -> (3, 256) of what is stored; {} when there is no such file, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            episodes, levels = stored["episodes"], stored["levels"]
            if int(stored["recipe"]) != _RECIPE or levels.shape != (len(episodes), 3, 256):
                return {}
            return dict(zip(episodes.tolist(), levels.astype(np.int64), strict=True))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return {}


def _write(path: Path, known: dict[int, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    # below 2**32 for certain: at most 10,000 pictures of less than 300 x 300 pixels
    levels = np.stack(list(known.values())).astype(np.uint32)
    np.savez(content, recipe=np.int64(_RECIPE), episodes=np.array(list(known), np.int64), levels=levels)
    write_atomically(path, content.getvalue())
