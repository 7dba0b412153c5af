"""Opening parquet files so that a damaged one is named, with the reason, instead of failing inside a library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.core.errors import DataError

_LFS_POINTER = b"version https://git-lfs"


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """Turn the errors of reading a parquet file into DataError that says what is probably wrong with it."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError("a parquet file is missing", where=str(path), hint="the dataset is only half there") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        what, hint = _diagnosis(path)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{what} ({reason})", where=str(path), hint=hint) from error


def _diagnosis(path: Path) -> tuple[str, str]:
    fetch = "fetch the file again"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
            file.seek(max(0, size - 4))
            tail = file.read(4)
    except OSError:
        return "a parquet file cannot be read", "check the rights of the file and the disk"
    if size == 0:
        return "a parquet file is empty (0 bytes)", fetch
    if head == _LFS_POINTER:
        return "a parquet file is a Git LFS pointer, not the data", "run `git lfs pull` in the dataset's repository"
    if head[:4] == b"PAR1" and tail != b"PAR1":
        return (
            "a parquet file is cut off: its footer is missing, without which nothing in it can be found",
            f"a recorder that was killed before it finished leaves this; {fetch}, or record those episodes again",
        )
    if head[:4] != b"PAR1":
        return "a file that should be parquet is something else", fetch
    return "a parquet file is damaged", fetch


def column_names(path: Path) -> list[str]:
    """Top-level columns of a parquet file. Raises DataError."""
    with damage_reported(path), pq.ParquetFile(path) as file:
        return list(file.schema_arrow.names)


def read_parquet(path: Path, wanted: Callable[[str], bool]) -> pa.Table:
    """The columns whose names `wanted` accepts, whole. Raises DataError for a damaged file."""
    with damage_reported(path), pq.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if wanted(name)]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"the column `{twice}` is there twice", where=str(path))
        if not names:
            return pa.table({})
        # asking for `a` also gives `a.b`: dots look like nesting to the library
        return file.read(columns=names).select(names)


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type is one that `as_numpy` reads."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def as_numpy(array: pa.Array) -> np.ndarray:
    """A flat column as numpy holds it, of its own type; with missing values as float64, NaN where they are.

    Read from Arrow's buffers: its own `to_numpy` imports pandas wherever that is installed, which takes longer than
    reading most datasets, and its `cast` imports every function it can compute.
    """
    _, data = array.buffers()
    if data is None:  # no row at all
        return np.empty(0, np.float64)
    if pa.types.is_boolean(array.type):
        values = _bits(data, array)
    else:
        values = np.frombuffer(data, array.type.to_pandas_dtype())[array.offset : array.offset + len(array)]
    return np.where(missing(array), np.nan, values) if array.null_count else values


def missing(array: pa.Array) -> np.ndarray:
    """(rows,) true where a column has no value."""
    present = array.buffers()[0]
    return np.zeros(len(array), bool) if present is None else ~_bits(present, array)


def _bits(packed: pa.Buffer, array: pa.Array) -> np.ndarray:
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)
