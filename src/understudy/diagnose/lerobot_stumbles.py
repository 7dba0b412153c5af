"""What Understudy reads without a word and LeRobot's own reader refuses, or takes for something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from understudy.data.parquet import damage_reported

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.data.lerobot import Dataset


# where v2.0 and v3.0, and v2.1, keep them
_STATISTICS = ("stats.json", "episodes_stats.jsonl")


def lerobot_stumbles(dataset: Dataset) -> list[str]:
    """A line for each deviation that matters to LeRobot alone (0.4 and 0.6). Raises DataError for a damaged file."""
    features: dict[str, dict[str, Any]] = dataset.info["features"]
    found = list(_cameras(features))
    if not any((dataset.root / "meta" / name).is_file() for name in _STATISTICS):
        found.append("it brings no statistics along: LeRobot trains without any scale, or fails")
    frames = sorted(dataset.root.glob("data/*/*.parquet"))
    if frames:
        found += _columns(frames[0], features)
    tasks = dataset.root / "meta/tasks.parquet"
    if tasks.is_file():
        found += _tasks(tasks)
    return found


def _cameras(features: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, feature in features.items():
        names = feature.get("names")
        if feature.get("dtype") in ("image", "video") and not (isinstance(names, list) and len(names) == 3):
            yield f"the axes of camera `{name}` have no names: LeRobot cannot make a policy for it"


def _columns(path: Path, features: dict[str, dict[str, Any]]) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with damage_reported(path):
        schema = pq.read_schema(path)
    extra = [name for name in schema.names if name not in features]
    if extra:
        yield f"columns that info.json does not declare: {', '.join(extra[:5])}. LeRobot refuses the dataset"
    for field in schema:
        shape = (features.get(field.name) or {}).get("shape")
        if shape == [1] and (pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)):
            yield f"`{field.name}` is stored as lists of one number: LeRobot refuses the dataset"


def _tasks(path: Path) -> Iterator[str]:
    import pyarrow.parquet as pq

    with damage_reported(path):
        table = pq.read_table(path)
    if "task_index" in table.column_names and table["task_index"].to_pylist() != list(range(table.num_rows)):
        yield "tasks.parquet is not in order of task_index: LeRobot gives frames the wrong task"
    if b"pandas" not in (table.schema.metadata or {}):
        yield "tasks.parquet has no pandas index: LeRobot takes the number of the row for the task's text"
