"""Where the files of a dataset are, and what is read of them only when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from understudy.core.errors import DataError

from .episodes import Entry
from .fingerprint import fingerprint
from .images import PictureReader, Stretch
from .plan import Plan
from .spec import DatasetSpec, FeatureType, Statistics
from .stored_statistics import read_statistics

if TYPE_CHECKING:
    from .lerobot import Dataset, Episode


@dataclass(frozen=True)
class Part:
    """A dataset that is part of a larger one.

    first_row       its first row among those of the whole
    first_episode   what is added to its episodes' own numbers
    """

    dataset: Dataset
    first_row: int = 0
    first_episode: int = 0


def parts_of_rows(parts: Sequence[Part], rows: np.ndarray) -> np.ndarray:
    """(n,) int64: which part each of the `rows` (n,) of the whole is of."""
    return np.searchsorted([part.first_row for part in parts], rows, side="right") - 1


class DatasetFiles(Protocol):
    """What `Dataset` asks its files."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def bytes(self) -> int:
        """Size of those that are here."""
        ...

    @property
    def episode_numbers(self) -> int:
        """One more than the highest `episode_index` of the whole dataset, loaded or not."""
        ...

    @property
    def parts(self) -> list[Part]:
        """What it was joined from; [] for a dataset of its own."""
        ...

    def declared_name(self, feature: str) -> str: ...

    def declared_facts(self, camera: str) -> dict[str, Any]: ...

    def pictures(
        self, camera: str, position: int, episode: Episode, size: tuple[int, int], first: int, stop: int | None
    ) -> Iterator[np.ndarray]:
        """Frames first to stop of a camera that is stored in the table, of the loaded episode at `position`."""
        ...

    def statistics(self, spec: DatasetSpec) -> Statistics | None: ...


@dataclass
class FolderFiles:
    """The files of one dataset, in one folder."""

    plan: Plan
    entries: list[Entry]
    stretches: list[Stretch]
    reader: PictureReader

    @property
    def parts(self) -> list[Part]:
        return []

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.plan.tree)

    @cached_property
    def bytes(self) -> int:
        return sum((self.plan.tree.root / name).stat().st_size for name in self.plan.tree.names)

    @property
    def episode_numbers(self) -> int:
        return max(entry.index for entry in self.entries) + 1

    def declared_name(self, feature: str) -> str:
        return self.plan.declared(feature)

    def declared_facts(self, camera: str) -> dict[str, Any]:
        return self.plan.info.features[self.plan.declared(camera)].facts

    def pictures(
        self, camera: str, position: int, episode: Episode, size: tuple[int, int], first: int, stop: int | None
    ) -> Iterator[np.ndarray]:
        column = self.plan.declared(camera)
        return self.reader.read(self.stretches[position], column, size, episode.index, first, stop)

    def statistics(self, spec: DatasetSpec) -> Statistics | None:
        """Raises DataError when they do not fit the features."""
        plan = self.plan
        cameras = {plan.declared(name) for name in spec.cameras}
        stored = read_statistics(plan.tree, plan.layout, self.entries, cameras)
        if stored is None:
            return None
        renamed = {plan.new_names.get(name, name): stats for name, stats in stored.items()}
        for name, feature in spec.features.items():
            expected = (3, 1, 1) if feature.type is FeatureType.VISUAL else feature.shape
            for key, value in renamed.get(name, {}).items():
                if key != "count" and value.shape != expected:
                    raise DataError(
                        f"the stored statistic `{key}` of `{name}` has the shape {value.shape}, not {expected}",
                        where=str(plan.tree.root / "meta"),
                        hint="compute them from the frames: leave out --dataset.statistics=dataset",
                    )
        return renamed
