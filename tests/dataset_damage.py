"""Ways to change a dataset made by `make_dataset`: the deviations and damages that are met in the wild."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def edit_info(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Apply `change` to the content of meta/info.json."""
    path = folder / "meta/info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def edit_lines(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Replace the objects of a JSON-lines file by what `change` returns."""
    rows = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def edit_table(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Replace a parquet file by what `change` makes of it."""
    pq.write_table(change(pq.read_table(path)), path)


def edit_rows(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Change the rows of a parquet file, as a list of dicts, in place; types are kept where they can be."""

    def rewritten(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        change(rows)
        return pa.Table.from_pylist(rows, schema=table.schema)

    edit_table(path, rewritten)


def set_value(column: str, row: int, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    """A change for `edit_rows`: one value of one row."""

    def change(rows: list[dict[str, Any]]) -> None:
        rows[row][column] = value

    return change


def only_data(folder: Path) -> Path:
    """The first data file of the dataset."""
    return sorted(folder.glob("data/**/*.parquet"))[0]


def episodes_table(folder: Path) -> Path:
    """The v3 table of episodes."""
    return folder / "meta/episodes/chunk-000/file-000.parquet"
