"""Frame rows: parquet files read into numpy columns, one (rows, n) float32 array per feature.

Unusual: what is stored counts, not how. Fixed and variable lists, plain numbers and one-element lists, float64 and
float32, any column order and columns that info.json does not know are all read; a row whose length differs is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from understudy.core.errors import DataError

from .info import BOOKKEEPING, Feature
from .parquet import as_numpy, is_number, missing, read_parquet


@dataclass(frozen=True)
class FrameFile:
    """One parquet file of frames.

    columns   feature -> (rows, n) float32
    numbers   bookkeeping column -> (rows,) int64, of those that are stored
    seconds   (rows,) float64 time stamps, None when there is no such column
    """

    path: Path
    rows: int
    columns: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]
    seconds: np.ndarray | None

    def runs(self) -> dict[int, tuple[int, int]] | None:
        """Episode index -> (first row, rows) by the column `episode_index`; None when there is no such column.

        Raises DataError when the rows of an episode do not lie together.
        """
        numbers = self.numbers.get("episode_index")
        if numbers is None:
            return None
        begins = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1)) if len(numbers) else np.empty(0, np.int64)
        ends = np.append(begins[1:], len(numbers))
        found: dict[int, tuple[int, int]] = {}
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            episode = int(numbers[begin])
            if episode in found:
                raise DataError(
                    f"the rows of episode {episode} do not lie together",
                    where=f"{self.path}, row {begin}, episode_index",
                )
            found[episode] = (begin, end - begin)
        return found


def read_frame_file(path: Path, features: Mapping[str, Feature], required: frozenset[str]) -> FrameFile:
    """Read the numeric `features` of one file.

    required   features that must have a column; others may be absent

    Raises DataError naming file, row and column for a damaged file, a missing column, or rows of another length.
    """
    wanted = {*features, *BOOKKEEPING, "timestamp"}
    table = read_parquet(path, wanted.__contains__)
    names = set(table.column_names)
    for name in sorted(required - names):
        raise DataError(
            f"the column `{name}` is missing, which info.json declares",
            where=str(path),
            hint=f"the file has: {', '.join(table.column_names) or 'none of the declared columns'}",
        )
    columns = {
        name: vectors(table.column(name), feature, path)
        for name, feature in features.items()
        if name in names and name not in BOOKKEEPING
    }
    numbers = {name: _whole_numbers(table.column(name), name, path) for name in BOOKKEEPING if name in names}
    seconds = None
    if "timestamp" in names:
        seconds = vectors(table.column("timestamp"), Feature("timestamp", "float64", (1,)), path, np.float64)[:, 0]
    return FrameFile(path, table.num_rows, columns, numbers, seconds)


def vectors(column: pa.ChunkedArray, feature: Feature, path: Path, dtype: type[np.floating] = np.float32) -> np.ndarray:
    """A column as (rows, n) with n as declared. Missing single numbers become NaN. Raises DataError naming the row."""
    n = feature.shape[0]
    array = _one_array(column)
    where = f"{path}, column {feature.name}"
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if _is_list(array.type):
        if array.null_count:
            row = int(np.flatnonzero(missing(array))[0])
            raise DataError(f"`{feature.name}` has no value", where=f"{where}, row {row}")
        lengths = _list_lengths(array)
        wrong = np.flatnonzero(lengths != n)
        if len(wrong):
            raise DataError(
                f"`{feature.name}` has {lengths[wrong[0]]} numbers where info.json declares {n}",
                where=f"{where}, row {wrong[0]}",
                hint=f"correct the shape in info.json if all rows have {lengths[wrong[0]]}" if len(wrong) > 1 else None,
            )
        array = _flat(array)
    elif n != 1:
        raise DataError(f"`{feature.name}` has single numbers where info.json declares {n} per row", where=where)
    if not is_number(array.type):
        raise DataError(f"`{feature.name}` is stored as {array.type}, which is no number", where=where)
    # a float64 beyond float32 becomes infinite, which the check for finite values reports
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(as_numpy(array), dtype=dtype).reshape(-1, n)


def _whole_numbers(column: pa.ChunkedArray, name: str, path: Path) -> np.ndarray:
    values = vectors(column, Feature(name, "int64", (1,)), path, np.float64)[:, 0]
    wrong = np.flatnonzero(~np.isfinite(values) | (values != np.round(values)))
    if len(wrong):
        raise DataError(
            f"`{name}` is {values[wrong[0]]} where a whole number belongs",
            where=f"{path}, column {name}, row {wrong[0]}",
        )
    return values.astype(np.int64)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)


def _list_lengths(array: pa.Array) -> np.ndarray:
    """(rows,) how many values each row of a list column has; no row may be null."""
    if pa.types.is_fixed_size_list(array.type):
        return np.full(len(array), array.type.list_size)
    return np.diff(as_numpy(array.offsets))


def _flat(array: pa.Array) -> pa.Array:
    """The values of all rows of a list column without null rows, one after the other."""
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        return array.values.slice(array.offset * size, len(array) * size)
    offsets = as_numpy(array.offsets)
    return (
        array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0])) if len(array) else array.values.slice(0, 0)
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind))
