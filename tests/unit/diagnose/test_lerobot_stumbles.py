from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from make_dataset import make_dataset
from understudy.data.lerobot import load_dataset
from understudy.diagnose.dataset_view import view_of_dataset


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def extra_column(root: Path) -> None:
    path = next(root.glob("data/*/*.parquet"))
    rewritten(path, lambda table: table.append_column("mood", pa.array([1.0] * table.num_rows)))


def lists_of_one(root: Path) -> None:
    path = next(root.glob("data/*/*.parquet"))

    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index("timestamp")
        return table.set_column(place, "timestamp", pa.array([[x] for x in table["timestamp"].to_pylist()]))

    rewritten(path, change)


def tasks_backwards(root: Path) -> None:
    rewritten(root / "meta/tasks.parquet", lambda table: table.take(list(range(table.num_rows))[::-1]))


def tasks_without_index(root: Path) -> None:
    rewritten(root / "meta/tasks.parquet", lambda table: table.replace_schema_metadata(None))


def no_statistics(root: Path) -> None:
    (root / "meta/stats.json").unlink()


def nameless_camera(root: Path) -> None:
    path = root / "meta/info.json"
    info = json.loads(path.read_text())
    info["features"]["observation.images.front"]["names"] = None
    path.write_text(json.dumps(info))


def said(root: Path) -> list[str]:
    return list(view_of_dataset(load_dataset(str(root)), pictures=False).deviations)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (extra_column, "mood"),
        (lists_of_one, "lists of one number"),
        (tasks_backwards, "not in order of task_index"),
        (tasks_without_index, "no pandas index"),
        (no_statistics, "no statistics"),
        (nameless_camera, "axes of camera"),
    ],
)
def test_what_lerobot_stumbles_over_is_named(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    root = make_dataset(tmp_path / "set", tasks=("move the block", "turn it"))
    before = said(root)
    assert not any(words in line for line in before)
    spoil(root)
    assert [words in line for line in said(root) if line not in before] == [True]


def test_a_dataset_that_lerobot_recorded_has_nothing_of_it() -> None:
    assert said(Path(__file__).parents[2] / "data/lerobot_0_4_4") == []
