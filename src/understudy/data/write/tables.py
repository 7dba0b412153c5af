"""The parquet files of a v3.0 dataset: frames, episodes, tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.data.spec import Statistics
from understudy.data.statistics import of_rows

from .episode import ReadyEpisode
from .form import BOOKKEEPING, DatasetForm
from .places import DATA_MB, by_file, in_files

# rows of a column from which on its statistics are not computed beside those of others
_LONG = 10_000
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"


def numbered_rows(form: DatasetForm, ready: ReadyEpisode, episode: int, start: int, task: int) -> pa.Table:
    """The frames of an episode as the dataset has them: with its number, the number of its first row, its task's."""
    table, length = ready.rows(), ready.length
    frame = np.arange(length)
    numbers = {
        "timestamp": (frame / form.fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(length, episode),
        "index": start + frame,
        "task_index": np.full(length, task),
    }
    for name, values in numbers.items():
        table = table.append_column(name, pa.array(values))
    return table.cast(form.schema())


def numbers_of(form: DatasetForm, table: pa.Table) -> dict[str, np.ndarray]:
    """The columns that have statistics, each (rows, n)."""
    columns = {}
    for name in [*form.vectors, *BOOKKEEPING]:
        column = table.column(name).combine_chunks()
        flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
        columns[name] = flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return columns


def of_columns(columns: dict[str, np.ndarray]) -> Statistics:
    """The statistics of each column."""
    if max(map(len, columns.values())) > _LONG:
        return {name: of_rows(values) for name, values in columns.items()}
    # an episode's are many small sums, which side by side take a tenth of the time
    side_by_side = of_rows(np.concatenate([values.astype(np.float64) for values in columns.values()], axis=1))
    found: Statistics = {}
    first = 0
    for name, values in columns.items():
        its = slice(first, first + values.shape[1])
        found[name] = {key: value if key == "count" else value[its] for key, value in side_by_side.items()}
        first = its.stop
    return found


def write_frames(path: Path, tables: Sequence[pa.Table]) -> None:
    """The frames of one file, a row group an episode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, tables[0].schema, compression="snappy", use_dictionary=True) as writer:
        for table in tables:
            writer.write_table(table)


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """The tasks as pandas stores them with the instruction as its index: the footer says so, and LeRobot needs it."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())})
    columns = [_pandas_column("task_index", "int64", "int64"), _pandas_column("task", "unicode", "object")]
    footer = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(footer)}), path)


def _pandas_column(name: str, kind: str, numpy_kind: str) -> dict[str, Any]:
    return {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_kind, "metadata": None}


def write_episodes(root: Path, rows: Sequence[dict[str, Any]], statistics: Sequence[Statistics]) -> None:
    """The table of episodes. `rows`: its plain columns; `statistics`: of each episode, flattened into columns."""
    whole = [row | _flattened(stats) for row, stats in zip(rows, statistics, strict=True)]
    size = pa.Table.from_pylist(whole[:1]).nbytes
    for place, members in by_file(in_files([size] * len(whole), DATA_MB)).items():
        where = {"meta/episodes/chunk_index": place.chunk, "meta/episodes/file_index": place.file}
        path = root / place.of(EPISODES_PATH)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([whole[episode] | where for episode in members]), path)


def _flattened(statistics: Statistics) -> dict[str, Any]:
    return {
        f"stats/{name}/{key}": value for name, stats in as_lists(statistics).items() for key, value in stats.items()
    }


def as_lists(statistics: Statistics) -> dict[str, dict[str, Any]]:
    """Statistics as JSON has them; counts are whole numbers."""
    return {
        name: {key: (value.astype(np.int64) if key == "count" else value).tolist() for key, value in stats.items()}
        for name, stats in statistics.items()
    }
