"""Tasks: the instruction of every frame, in words.

Unusual: `task_index` is looked up by its value, never by the position of a row in the tasks table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from understudy.core.errors import DataError

from .info import Layout, read_json_lines
from .parquet import read_parquet
from .tree import Tree


def read_tasks(tree: Tree, layout: Layout) -> dict[int, str] | None:
    """`task_index` -> instruction, in order of the index; None when the dataset has no table of tasks.

    Raises DataError for a table that cannot be understood or that gives an index twice.
    """
    jsonl, parquet = "meta/tasks.jsonl", "meta/tasks.parquet"
    name = next((n for n in ((parquet, jsonl) if layout == "v3" else (jsonl, parquet)) if n in tree.names), None)
    if name is None:
        return None
    path = tree.root / name
    if name == jsonl:
        pairs = [(row.get("task_index"), row.get("task")) for row in read_json_lines(path)]
    else:
        table = read_parquet(path, lambda column: True)
        pairs = list(zip(*_task_columns(table, str(path)), strict=True))
    tasks: dict[int, str] = {}
    for row, (index, task) in enumerate(pairs):
        if type(index) is not int or not 0 <= index < 2**31 or not isinstance(task, str):
            raise DataError("a row of the tasks table has no `task_index` or no `task`", where=f"{path}, row {row}")
        if tasks.get(index, task) != task:
            raise DataError(f"task_index {index} is given to two tasks", where=f"{path}, row {row}")
        tasks[index] = task
    return dict(sorted(tasks.items()))


def _task_columns(table: pa.Table, where: str) -> tuple[list[int], list[str]]:
    """(indices, instructions). pandas stores the instruction as its index, whose column has one of several names."""
    texts = [f.name for f in table.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    name = next((n for n in ("task", "__index_level_0__") if n in texts), texts[0] if len(texts) == 1 else None)
    if name is None or "task_index" not in table.column_names:
        raise DataError(
            "the tasks table has no column `task_index` or none with the instructions",
            where=where,
            hint=f"its columns are: {', '.join(table.column_names)}",
        )
    return table.column("task_index").to_pylist(), table.column(name).to_pylist()


def tasks_of_rows(
    task_index: np.ndarray | None,
    table: dict[int, str] | None,
    listed: list[tuple[str, ...]],
    episode_of_row: np.ndarray,
    locate: Callable[[int], str],
) -> tuple[np.ndarray, list[str], list[str]]:
    """((rows,) int64 into the list of tasks, that list, deviations).

    task_index       (rows,) as stored, or None
    table            the dataset's tasks, or None
    listed           per loaded episode, the tasks that the table of episodes names
    episode_of_row   (rows,) position of each row's episode
    locate           row -> its file, episode and frame, for an error

    Raises DataError for a `task_index` that is not in the table.
    """
    if task_index is not None and table is not None:
        names, indices = list(table.values()), np.array(list(table), np.int64)
        place = np.searchsorted(indices, task_index) if len(indices) else np.zeros(len(task_index), np.int64)
        known = (
            (place < len(indices)) & (indices[np.minimum(place, len(indices) - 1)] == task_index) if names else False
        )
        wrong = np.flatnonzero(~np.broadcast_to(known, task_index.shape))
        if len(wrong):
            raise DataError(
                f"task_index {task_index[wrong[0]]} is not in the tasks table",
                where=locate(int(wrong[0])),
                hint=f"the table has: {', '.join(map(str, indices.tolist())) or 'no task'}",
            )
        return place.astype(np.int64), names, []
    notes = []
    if table is None:
        notes.append("the dataset has no table of tasks; those named in the table of episodes are used")
    elif task_index is None:
        notes.append("the column task_index is missing; every frame has the first task of its episode")
    names = list(dict.fromkeys([*(table or {}).values(), *(tasks[0] if tasks else "" for tasks in listed)]))
    per_episode = np.array([names.index(tasks[0] if tasks else "") for tasks in listed], np.int64)
    return per_episode[episode_of_row], names, notes
