"""DatasetList: the datasets below the served folders, each opened once and kept while it is looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core.files import json_or_empty
from understudy.data.tree import has_info

from .places import Places
from .tree_walk import is_run, walk

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

_MOST_OPEN = 4


@dataclass(frozen=True)
class DatasetRow:
    """What info.json says of a dataset, unchecked; "" and 0 for what it does not say."""

    path: Path
    version: str
    robot: str
    episodes: int
    frames: int
    fps: float
    cameras: int


class DatasetList:
    """The datasets of some places."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._open: OrderedDict[Path, Dataset] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self) -> list[DatasetRow]:
        """Every dataset, in the order of its path."""
        return [_row(folder) for root in self._places.roots for folder in _find(root)]

    def load(self, path: Path) -> Dataset:
        """The dataset in a served folder; it may be called from several threads. Raises ConfigError, DataError."""
        from understudy.data.lerobot import load_dataset

        path = self._places.check(path)
        with self._lock:
            dataset = self._open.pop(path, None) or load_dataset(str(path))
            self._open[path] = dataset
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        return dataset


def _find(root: Path) -> Iterator[Path]:
    # what a run holds is no dataset to look for
    found = walk(root, lambda folder, names: is_run(names) or has_info(folder))
    return (folder for folder in found if has_info(folder))


def _row(folder: Path) -> DatasetRow:
    info = json_or_empty(folder / "meta" / "info.json")
    features: Any = info.get("features")
    kinds = [f.get("dtype") for f in features.values() if isinstance(f, dict)] if isinstance(features, dict) else []
    return DatasetRow(
        path=folder,
        version=str(info.get("codebase_version", "")),
        robot=str(info.get("robot_type") or ""),
        episodes=_whole(info.get("total_episodes")),
        frames=_whole(info.get("total_frames")),
        fps=float(_whole(info.get("fps"))),
        cameras=sum(kind in ("video", "image") for kind in kinds),
    )


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
