"""The rows of the chosen episodes, put one after the other and checked: lengths, order, finite values, times, tasks."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from understudy.core.errors import DataError

from .episodes import Entry
from .features import is_numeric, type_of, vector_names
from .images import Stretch
from .info import BOOKKEEPING, Feature
from .parquet import column_names
from .plan import Plan
from .tables import FrameFile, read_frame_file
from .tasks import read_tasks, tasks_of_rows
from .timestamps import check_timestamps


@dataclass
class Rows:
    """What `Dataset` holds, by declared names. `stretches` tells per episode which rows of which file are its own."""

    columns: dict[str, np.ndarray]
    episode_of_row: np.ndarray
    frame_index: np.ndarray
    task_of_row: np.ndarray
    tasks: list[str]
    stretches: list[Stretch]
    notes: list[str] = field(default_factory=list)


def read_rows(plan: Plan, tolerance_s: float | None) -> Rows:
    """Read and check every row. Raises DataError naming file and row, or episode and frame, of the first fault."""
    numeric = {
        name: feature
        for name, feature in plan.info.features.items()
        if is_numeric(feature) and len(feature.shape) == 1 and name not in BOOKKEEPING
    }
    offered = {
        n for n, f in plan.info.features.items() if type_of(plan.new_names.get(n, n), f) and n not in plan.left_out
    }
    files = _read_files(plan, numeric, frozenset(offered & set(numeric)))
    stretches = _stretches(plan, files)
    lengths = [entry.length for entry in plan.entries]
    episode_of_row = np.repeat(np.arange(len(lengths)), lengths)
    rows = Rows({}, episode_of_row, np.concatenate([np.arange(n) for n in lengths]), episode_of_row, [], stretches)
    rows.notes += _check_order(plan, files, stretches)
    for name, feature in numeric.items():
        parts = [files[s.path.as_posix()].columns.get(name) for s in stretches]
        if any(part is None for part in parts):
            rows.notes.append(f"`{name}` is declared but not stored in every file: left out")
            continue
        cut = [
            part[s.first_row : s.first_row + s.rows]
            for part, s in zip(parts, stretches, strict=True)
            if part is not None
        ]
        rows.columns[name] = np.concatenate(cut)
        if name in offered:
            _check_finite(plan, rows, name, feature)
    _check_pictures(plan, files, offered)
    rows.notes += _check_times(plan, files, rows, tolerance_s)
    rows.notes += _fill_in_tasks(plan, files, rows)
    return rows


def _read_files(plan: Plan, numeric: dict[str, Feature], required: frozenset[str]) -> dict[str, FrameFile]:
    """Path -> file, each read once."""
    paths = [plan.tree.root / name for name in dict.fromkeys(plan.data_files)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        files = list(pool.map(lambda path: read_frame_file(path, numeric, required), paths))
    return {file.path.as_posix(): file for file in files}


def _stretches(plan: Plan, files: dict[str, FrameFile]) -> list[Stretch]:
    """Which rows are each episode's, checked against the table of episodes."""
    runs = {path: file.runs() for path, file in files.items()}
    users = Counter(plan.data_files)
    stretches = []
    for entry, name in zip(plan.entries, plan.data_files, strict=True):
        path = plan.tree.root / name
        found = runs[path.as_posix()]
        if found is None:
            if users[name] > 1:
                raise DataError(
                    "several episodes share this file, and the column `episode_index` that tells them apart is missing",
                    where=str(path),
                )
            found = {entry.index: (0, files[path.as_posix()].rows)}
        if entry.index not in found:
            held = ", ".join(str(index) for index in list(found)[:8]) or "none"
            raise DataError(
                f"the file has no row of episode {entry.index}",
                where=f"{path}, column episode_index (episodes in it: {held})",
                hint="file names and the column disagree; episodes that are renumbered need both changed",
            )
        first, count = found[entry.index]
        if count != entry.length:
            raise DataError(
                f"episode {entry.index} has {count} rows, the table of episodes says {entry.length}",
                where=str(path),
                hint="file and table belong to different versions of the dataset; to do without this episode: "
                f"--dataset.exclude_episodes='[{entry.index}]'",
            )
        stretches.append(Stretch(path, first, count))
    return stretches


def _check_order(plan: Plan, files: dict[str, FrameFile], stretches: list[Stretch]) -> list[str]:
    """Frames must be numbered 0, 1, 2, ... in each episode; without numbers, `index` must at least rise by 1."""
    without = 0
    for entry, stretch in zip(plan.entries, stretches, strict=True):
        numbers = files[stretch.path.as_posix()].numbers
        part = slice(stretch.first_row, stretch.first_row + stretch.rows)
        name, expected = "frame_index", np.arange(stretch.rows)
        if "frame_index" not in numbers:
            without += 1
            if "index" not in numbers:
                continue
            name, expected = "index", numbers["index"][stretch.first_row] + np.arange(stretch.rows)
        wrong = np.flatnonzero(numbers[name][part] != expected)
        if len(wrong):
            row = stretch.first_row + int(wrong[0])
            raise DataError(
                f"frames are missing, doubled or out of order: `{name}` is {numbers[name][row]} "
                f"where {expected[wrong[0]]} belongs",
                where=f"{stretch.path}, row {row} (episode {entry.index}, frame {wrong[0]})",
                hint="pictures could no longer be matched with rows; to do without this episode: "
                f"--dataset.exclude_episodes='[{entry.index}]'",
            )
    return ["there is no column frame_index: frames are numbered in the order of the rows"] if without else []


def _check_finite(plan: Plan, rows: Rows, name: str, feature: Feature) -> None:
    wrong = ~np.isfinite(rows.columns[name])
    if not wrong.any():
        return
    row, dimension = (int(i) for i in np.argwhere(wrong)[0])
    value = rows.columns[name][row, dimension]
    joint = vector_names(name, feature)[dimension]
    affected = sorted({plan.entries[i].index for i in rows.episode_of_row[wrong.any(1)].tolist()})
    raise DataError(
        f"`{name}` is {value} in dimension {dimension} ({joint}); {int(wrong.sum())} of its values are not finite",
        where=_where(plan, rows, row),
        hint=f"mend the recording, or do without: --dataset.exclude_episodes='{affected[:20]}'",
    )


def _check_pictures(plan: Plan, files: dict[str, FrameFile], offered: set[str]) -> None:
    pictures = [n for n in offered if plan.info.features[n].dtype == "image"]
    for path in (file.path for file in files.values()) if pictures else ():
        for name in set(pictures) - set(column_names(path)):
            raise DataError(
                f"the column `{name}` is missing, which info.json declares as a camera stored in the table",
                where=str(path),
                hint="a recording whose pictures are still in the folder `images` was not finished",
            )


def _check_times(plan: Plan, files: dict[str, FrameFile], rows: Rows, tolerance_s: float | None) -> list[str]:
    parts: list[np.ndarray] = []
    for stretch in rows.stretches:
        seconds = files[stretch.path.as_posix()].seconds
        if seconds is None:
            return []
        parts.append(seconds[stretch.first_row : stretch.first_row + stretch.rows])
    indices = np.array([entry.index for entry in plan.entries])
    note = check_timestamps(
        np.concatenate(parts),
        rows.frame_index,
        indices[rows.episode_of_row],
        fps=plan.info.fps,
        tolerance_s=tolerance_s,
        where=str(plan.tree.root),
    )
    return [note] if note else []


def _fill_in_tasks(plan: Plan, files: dict[str, FrameFile], rows: Rows) -> list[str]:
    parts = [files[s.path.as_posix()].numbers.get("task_index") for s in rows.stretches]
    stored = None
    if all(part is not None for part in parts):
        cuts = zip(parts, rows.stretches, strict=True)
        stored = np.concatenate([part[s.first_row : s.first_row + s.rows] for part, s in cuts if part is not None])
    table = read_tasks(plan.tree, plan.layout)
    listed = [entry.tasks for entry in plan.entries]
    rows.task_of_row, rows.tasks, notes = tasks_of_rows(
        stored, table, listed, rows.episode_of_row, lambda row: _where(plan, rows, row)
    )
    return notes + _unused_tasks(plan.entries, rows)


def _unused_tasks(entries: list[Entry], rows: Rows) -> list[str]:
    begins = np.cumsum([0] + [entry.length for entry in entries[:-1]])
    count: dict[str, int] = {}
    for entry, begin in zip(entries, begins.tolist(), strict=True):
        used = {rows.tasks[i] for i in np.unique(rows.task_of_row[begin : begin + entry.length]).tolist()}
        for task in set(entry.tasks) - used:
            count[task] = count.get(task, 0) + 1
    return [
        f"task {task!r} is listed for {n} episodes, but none of their frames has it"
        for task, n in sorted(count.items())
    ]


def _where(plan: Plan, rows: Rows, row: int) -> str:
    """File, row in it, episode and frame of a loaded row."""
    position = int(rows.episode_of_row[row])
    stretch, frame = rows.stretches[position], int(rows.frame_index[row])
    return f"{stretch.path}, row {stretch.first_row + frame} (episode {plan.entries[position].index}, frame {frame})"
