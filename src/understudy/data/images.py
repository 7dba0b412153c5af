"""Pictures stored in the frame table: a column of encoded bytes (PNG or JPEG), decoded on demand."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.core.errors import DataError

from .parquet import damage_reported


@dataclass(frozen=True)
class Stretch:
    """The rows of one episode in a parquet file."""

    path: Path
    first_row: int
    rows: int


@dataclass
class PictureReader:
    """Reads the picture columns of one dataset; safe to use from several threads.

    root   the dataset's folder, which pictures that are stored as a path are relative to
    """

    root: Path
    # one row group of one column: episodes that share a big row group would otherwise each read it anew
    _kept: tuple[tuple[Path, str, int], pa.ChunkedArray] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(
        self,
        stretch: Stretch,
        column: str,
        size: tuple[int, int],
        episode: int,
        first: int = 0,
        stop: int | None = None,
    ) -> Iterator[np.ndarray]:
        """Frames `first` to `stop` of an episode, uint8 (height, width, 3), in order.

        size      (height, width) that every picture has to have
        episode   its index, for errors

        Raises DataError naming file, row, episode and frame.
        """
        stop = stretch.rows if stop is None else stop
        for frame, item in zip(range(first, stop), self._items(stretch, column, first, stop), strict=True):
            where = (
                f"{stretch.path}, row {stretch.first_row + frame}, column {column} (episode {episode}, frame {frame})"
            )
            yield decode(self._encoded(item, where), size, where)

    def _items(self, stretch: Stretch, column: str, first: int, stop: int) -> Iterator[Any]:
        begin, end = stretch.first_row + first, stretch.first_row + stop
        with damage_reported(stretch.path), pq.ParquetFile(stretch.path) as file:
            counts = [file.metadata.row_group(g).num_rows for g in range(file.metadata.num_row_groups)]
        at = 0
        for group, count in enumerate(counts):
            low, high = max(begin - at, 0), min(end - at, count)
            if low < high:
                # a slice at a time: as Python objects a whole row group would be in memory twice
                stored = self._row_group(stretch.path, column, group)
                for row in range(low, high):
                    yield stored[row].as_py()
            at += count

    def _row_group(self, path: Path, column: str, group: int) -> pa.ChunkedArray:
        key = (path, column, group)
        with self._lock:
            if self._kept is not None and self._kept[0] == key:
                return self._kept[1]
            with damage_reported(path), pq.ParquetFile(path) as file:
                table = file.read_row_group(group, columns=[column])
            if column not in table.column_names:
                raise DataError(f"the column `{column}` is missing, which info.json declares", where=str(path))
            self._kept = (key, table.column(column))
            return self._kept[1]

    def _encoded(self, item: Any, where: str) -> bytes:
        if isinstance(item, bytes):
            return item
        if isinstance(item, dict):
            if item.get("bytes"):
                return bytes(item["bytes"])
            path = item.get("path")
            if path and ".." not in Path(path).parts and not Path(path).is_absolute() and (self.root / path).is_file():
                stored: bytes = (self.root / path).read_bytes()
                return stored
        raise DataError(
            "a picture has no bytes",
            where=where,
            hint="only the recorder's `images/` folder held it; save the dataset again with its images embedded",
        )


def decode(encoded: bytes, size: tuple[int, int], where: str) -> np.ndarray:
    """PNG or JPEG bytes as uint8 (height, width, 3); grey is repeated, transparency dropped. Raises DataError."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            if picture.mode.startswith(("I", "F")):
                raise DataError(
                    f"a picture has deep pixels (mode {picture.mode}): a depth image is no camera", where=where
                )
            pixels = np.array(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"a picture cannot be decoded: {error}", where=where) from error
    if pixels.shape[:2] != size:
        raise DataError(
            f"a picture is {pixels.shape[1]}x{pixels.shape[0]}, info.json says {size[1]}x{size[0]} (width x height)",
            where=where,
            hint="all frames of a camera need one size",
        )
    return pixels
