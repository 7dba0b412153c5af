"""The statistics that a dataset brings along: per episode (v2.1), or of the whole set (v2.0, v3.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from understudy.core.errors import DataError

from .episodes import Entry
from .info import Layout, read_json, read_json_lines
from .parquet import read_parquet
from .spec import Statistics
from .statistics import aggregate
from .tree import Tree


def read_statistics(tree: Tree, layout: Layout, entries: list[Entry], cameras: set[str]) -> Statistics | None:
    """The whole set's statistics by the names of info.json, None when the dataset has none.

    Per-episode statistics are aggregated over all episodes of the table; a `stats.json` left over beside them (v2.1
    sets that were v2.0 once) is not looked at.

    Raises DataError for statistics that are no numbers.
    """
    if layout == "v2" and "meta/episodes_stats.jsonl" in tree.names:
        return _aggregated(_v2_episodes(tree), entries, cameras)
    if "meta/stats.json" in tree.names:
        path = tree.root / "meta/stats.json"
        return _parsed(read_json(path), cameras, str(path))
    if layout == "v3":
        return _aggregated(_v3_episodes(tree), entries, cameras)
    return None


def _aggregated(found: list[tuple[int, str, Any]], entries: list[Entry], cameras: set[str]) -> Statistics | None:
    lengths = {entry.index: entry.length for entry in entries}
    parsed = []
    for episode, where, raw in found:
        if episode not in lengths:
            continue
        one = _parsed(raw, cameras, where)
        for stats in one.values():
            stats.setdefault("count", np.array([lengths[episode]], np.float64))
        parsed.append(one)
    return aggregate(parsed) if parsed else None


def _v2_episodes(tree: Tree) -> list[tuple[int, str, Any]]:
    path = tree.root / "meta/episodes_stats.jsonl"
    lines = read_json_lines(path)
    return [(row.get("episode_index", -1), f"{path}, row {n}", row.get("stats")) for n, row in enumerate(lines)]


def _v3_episodes(tree: Tree) -> list[tuple[int, str, Any]]:
    found = []
    for name in tree.below("meta/episodes", ".parquet"):
        table = read_parquet(tree.root / name, lambda column: column.startswith("stats/") or column == "episode_index")
        for number, row in enumerate(table.to_pylist()):
            nested: dict[str, dict[str, Any]] = {}
            for column, value in row.items():
                parts = column.split("/")
                if len(parts) == 3 and value is not None:
                    nested.setdefault(parts[1], {})[parts[2]] = value
            if nested:
                found.append((int(row["episode_index"]), f"{tree.root / name}, row {number}", nested))
    return found


def _parsed(raw: Any, cameras: set[str], where: str) -> Statistics:
    if not isinstance(raw, Mapping):
        raise DataError("the stored statistics are not a JSON object of features", where=where)
    parsed: Statistics = {}
    for feature, stats in raw.items():
        if not isinstance(stats, Mapping):
            raise DataError(f"the stored statistics of `{feature}` are not a JSON object", where=where)
        parsed[feature] = {name: _array(value, feature, name, where) for name, value in stats.items()}
        if feature in cameras:
            # some writers store them flat
            for name, value in parsed[feature].items():
                if name != "count" and value.size == 3:
                    parsed[feature][name] = value.reshape(3, 1, 1)
    return parsed


def _array(value: Any, feature: str, name: str, where: str) -> np.ndarray:
    try:
        return np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(f"the stored statistic `{name}` of `{feature}` is not numeric", where=where) from error
