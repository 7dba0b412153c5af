"""The table of episodes: meta/episodes.jsonl (v2) or meta/episodes/*/*.parquet (v3), and where each episode's data is.

Unusual: episodes are found by their `episode_index`, never by their position in the table, so a table in another order
or with episodes left out still has one certain meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from understudy.core.errors import ConfigError, DataError

from .info import Info, Layout, read_json_lines
from .parquet import read_parquet
from .tree import Place, Tree


@dataclass(frozen=True)
class Clip:
    """A camera's share of a v3 video file: which file, and from when to when in it, seconds."""

    place: Place
    first_s: float
    end_s: float


@dataclass(frozen=True)
class Entry:
    """One row of the table. `clips` is camera key -> clip, empty for v2."""

    index: int
    length: int
    tasks: tuple[str, ...]
    data: Place = field(default_factory=Place)
    clips: dict[str, Clip] = field(default_factory=dict)


def read_entries(tree: Tree, info: Info, layout: Layout) -> tuple[list[Entry], list[str]]:
    """Every episode in order of its index, and the deviations met.

    Raises DataError for a row without index or length, an episode that is listed twice, and an empty table.
    """
    rows = _v3_rows(tree) if layout == "v3" else _v2_rows(tree)
    found: dict[int, Entry] = {}
    order = []
    empty = []
    for where, row in rows:
        entry = _entry(row, where, info)
        if entry.index in found:
            raise DataError(f"episode {entry.index} is listed twice in the table of episodes", where=where)
        found[entry.index] = entry
        order.append(entry.index)
        if entry.length == 0:
            empty.append(entry.index)
    entries = [found[index] for index in sorted(found) if found[index].length]
    if not entries:
        raise DataError(
            "the dataset is empty: its table of episodes lists none that has a frame",
            where=str(tree.root),
            hint="a recording that was broken off before its first episode was saved leaves this",
        )
    notes = []
    if order != sorted(order):
        notes.append("the table of episodes is not in order of episode_index; episodes are taken by their index")
    if empty:
        notes.append(f"{_episodes(empty)} without a single frame: left out")
    if absent := max(found) + 1 - len(found):
        first = next(i for i, index in enumerate(sorted(found)) if i != index)
        notes.append(f"episode numbers have gaps: {absent} below {max(found)} are not listed, the first is {first}")
    return entries, notes + _wrong_totals(entries, info)


def _wrong_totals(entries: list[Entry], info: Info) -> list[str]:
    counted = {"total_episodes": len(entries), "total_frames": sum(entry.length for entry in entries)}
    return [
        f"info.json says {key} {info.count(key)}, the table of episodes has {number}"
        for key, number in counted.items()
        if info.count(key) not in (number, None)
    ]


def _episodes(indices: Sequence[int]) -> str:
    shown = ", ".join(str(index) for index in indices[:8])
    more = f" and {len(indices) - 8} more" if len(indices) > 8 else ""
    return f"{'episode' if len(indices) == 1 else 'episodes'} {shown}{more}"


def _v2_rows(tree: Tree) -> list[tuple[str, dict[str, Any]]]:
    path = tree.root / "meta/episodes.jsonl"
    return [(f"{path}, row {number}", row) for number, row in enumerate(read_json_lines(path))]


def _v3_rows(tree: Tree) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    for name in tree.below("meta/episodes", ".parquet"):
        path = tree.root / name
        table = read_parquet(path, lambda column: not column.startswith("stats/"))
        rows += [(f"{path}, row {number}", row) for number, row in enumerate(table.to_pylist())]
    return rows


def _entry(row: dict[str, Any], where: str, info: Info) -> Entry:
    index, length = _whole(row, "episode_index", where), _whole(row, "length", where)
    tasks = row.get("tasks")
    if tasks is None:
        tasks = []
    elif not isinstance(tasks, list):
        tasks = [tasks]
    keys = [key for key, feature in info.features.items() if feature.dtype == "video"]
    clips = {
        key: _clip(row, f"videos/{key}", length / info.fps, where)
        for key in keys
        if f"videos/{key}/from_timestamp" in row
    }
    kept = {key: clip for key, clip in clips.items() if clip is not None}
    return Entry(index, length, tuple(str(task) for task in tasks), _data_place(row, where), kept)


def _clip(row: dict[str, Any], column: str, duration_s: float, where: str) -> Clip | None:
    first, end = row.get(f"{column}/from_timestamp"), row.get(f"{column}/to_timestamp")
    if first is None:
        return None
    place = Place(_whole(row, f"{column}/chunk_index", where), _whole(row, f"{column}/file_index", where))
    end = first + duration_s if end is None else end
    if not (math.isfinite(first) and math.isfinite(end) and first >= 0):
        raise DataError(f"the video clip from {first} to {end} s is no stretch of time", where=f"{where}, {column}")
    return Clip(place, float(first), float(end))


def _data_place(row: dict[str, Any], where: str) -> Place:
    if row.get("data/file_index") is None:
        return Place()
    return Place(_whole(row, "data/chunk_index", where), _whole(row, "data/file_index", where))


def _whole(row: dict[str, Any], key: str, where: str) -> int:
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():  # pandas turns columns with holes into floats
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise DataError(f"`{key}` is {value!r} in the table of episodes; it has to be a whole number", where=where)
    return value


def choose(entries: list[Entry], wanted: Iterable[int] | None, excluded: Iterable[int] | None) -> list[Entry]:
    """The entries asked for, in order of their index. Raises ConfigError for an episode that is not there."""
    known = {entry.index for entry in entries}
    for flag, asked in (("episodes", wanted), ("exclude_episodes", excluded)):
        for index in asked or ():
            if index not in known:
                raise ConfigError(
                    f"the dataset has no episode {index}",
                    where=f"--dataset.{flag}",
                    hint=f"it has {len(known)} episodes, numbered {min(known)} to {max(known)}",
                )
    taken = known if wanted is None else set(wanted)
    taken -= set(excluded or ())
    if not taken:
        raise ConfigError("no episode is left to load", where="--dataset.episodes, --dataset.exclude_episodes")
    return [entry for entry in entries if entry.index in taken]
