"""One episode on its way into a dataset: a folder with its rows, its videos, and what its statistics need.

    rows.parquet      the vectors of every frame, and the pictures where they are stored as PNG
    <camera>.mp4      one per video
    episode.json      task, length, and how often each level occurs in the sampled pictures of each camera

The folder does not say which number the episode will have: that is decided when the dataset is assembled, so episodes
can be recorded in any order, by any process.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.core.errors import DataError
from understudy.data.info import read_json
from understudy.data.picture_levels import histogram_of, sampled_frames, thinned

from .form import PICTURE_COLUMN, DatasetForm
from .held import table_of
from .video import VideoWriter

_ROWS, _FACTS = "rows.parquet", "episode.json"


class ReadyEpisode(Protocol):
    """An episode that can be put into a dataset: one that was staged, or one held in memory (held.py).

    histograms   camera -> (levels (3, 256), number of pictures)
    bytes        what its rows take on disk
    """

    @property
    def task(self) -> str: ...

    @property
    def length(self) -> int: ...

    @property
    def histograms(self) -> Mapping[str, tuple[np.ndarray, int]]: ...

    @property
    def bytes(self) -> int: ...

    def rows(self) -> pa.Table:
        """The table of its frames, without the columns that number them."""
        ...

    def video(self, camera: str) -> Path:
        """Its mp4 of a camera."""
        ...


@dataclass(frozen=True)
class StagedEpisode:
    """An episode that has been written. `histograms`: camera -> (levels (3, 256), number of pictures)."""

    folder: Path
    task: str
    length: int
    histograms: dict[str, tuple[np.ndarray, int]]

    def rows(self) -> pa.Table:
        """The table of its frames, without the columns that number them."""
        return pq.read_table(self.folder / _ROWS)

    @property
    def bytes(self) -> int:
        """What its rows take on disk."""
        return (self.folder / _ROWS).stat().st_size

    def video(self, camera: str) -> Path:
        """Its mp4 of a camera."""
        return self.folder / f"{camera}.mp4"


def read_staged(folder: Path) -> StagedEpisode:
    """The episode in `folder`. Raises DataError when there is none."""
    facts = read_json(folder / _FACTS)
    try:
        pictures = {name: (np.array(p["levels"], np.int64), int(p["count"])) for name, p in facts["pictures"].items()}
        return StagedEpisode(folder, str(facts["task"]), int(facts["length"]), pictures)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError("a recorded episode is damaged", where=str(folder / _FACTS)) from error


class EpisodeWriter:
    """Takes the frames of an episode as they come; nothing is on disk before `save`."""

    def __init__(self, form: DatasetForm) -> None:
        self.form = form
        self.length = 0
        self._vectors: dict[str, list[np.ndarray]] = {name: [] for name in form.vectors}
        # which pictures are sampled is known only when the length is
        self._levels: dict[str, list[np.ndarray]] = {name: [] for name in form.cameras}
        self._pngs: dict[str, list[bytes]] = {name: [] for name in form.cameras if not form.codec}
        self._videos = {
            name: VideoWriter(form.size_of(name), form.fps, form.codec) for name in form.videos if form.codec
        }

    def add(self, frame: Mapping[str, np.ndarray]) -> None:
        """The next frame: every feature, vectors (n,), cameras (h, w, 3) uint8. Raises ValueError for another form."""
        self.form.check_frame(frame)
        for name, values in self._vectors.items():
            values.append(np.array(frame[name], np.float32))
        for name, levels in self._levels.items():
            levels.append(histogram_of(thinned(frame[name][None])).astype(np.int32))
        for name, video in self._videos.items():
            video.add(frame[name])
        for name, pngs in self._pngs.items():
            pngs.append(_png(frame[name]))
        self.length += 1

    def save(self, folder: Path, task: str) -> None:
        """Write the episode into the existing folder `folder`. Raises OSError, ValueError when it has no frame."""
        if not self.length:
            raise ValueError("an episode needs a frame")
        for name, video in self._videos.items():
            (folder / f"{name}.mp4").write_bytes(video.finish())
        pq.write_table(self._table(), folder / _ROWS)
        sampled = sampled_frames(self.length)
        pictures = {
            name: {"levels": sum(levels[i].astype(np.int64) for i in sampled).tolist(), "count": len(sampled)}
            for name, levels in self._levels.items()
        }
        facts = {"task": task, "length": self.length, "pictures": pictures}
        (folder / _FACTS).write_text(json.dumps(facts))

    def _table(self) -> pa.Table:
        columns: dict[str, pa.Array] = {}
        for name in self.form.features:
            if name in self._vectors:
                columns |= table_of({name: np.stack(self._vectors[name])})
            elif name in self._pngs:
                pngs = [{"bytes": png, "path": f"frame-{n:06d}.png"} for n, png in enumerate(self._pngs[name])]
                columns[name] = pa.array(pngs, PICTURE_COLUMN)
        return pa.table(columns)


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=3)
    return file.getvalue()
