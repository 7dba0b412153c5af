"""Several datasets as one: their episodes one after the other, features matched by name.

    both = join([load_dataset("you/cubes"), load_dataset("you/more_cubes")])

Episodes are numbered on: those of the second dataset follow the highest number that the first one has, so a number
never depends on which episodes are loaded. Nothing is copied on disk, and what is kept of each dataset (decoded frames,
levels of pictures) is kept under its own name, whoever it is joined with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.core.errors import ConfigError

from .dataset_files import Part
from .episode_digests import shared_episodes
from .lerobot import Dataset
from .mixture_features import common_features, unlike_units
from .spec import DatasetSpec, Statistics
from .statistics import aggregate

if TYPE_CHECKING:
    from .lerobot import Episode
    from .mixture_features import Common


def join(datasets: Sequence[Dataset]) -> Dataset:
    """The datasets as one; what all of them have is kept of their features.

    Raises ConfigError when they cannot be one: control rates, picture sizes or numbers of a vector that differ, no
    common camera or state, one of them twice, or an episode that is in two of them.
    """
    _check_different(datasets)
    _check_rates(datasets)
    common = common_features(datasets)
    starts = np.cumsum([0] + [dataset.num_rows for dataset in datasets])
    numbers = np.cumsum([0] + [dataset.files.episode_numbers for dataset in datasets])
    positions = np.cumsum([0] + [len(dataset.episodes) for dataset in datasets])
    columns = _columns(datasets, common)
    tasks, task_of_row = _tasks(datasets)
    parts = [
        Part(_narrowed(dataset, common, columns, first, end), first, number)
        for dataset, (first, end), number in zip(datasets, pairwise(starts.tolist()), numbers.tolist(), strict=False)
    ]
    robots = list(dict.fromkeys(str(dataset.info.get("robot_type")) for dataset in datasets))
    joined = Dataset(
        repo_id=" + ".join(dataset.repo_id for dataset in datasets),
        root=datasets[0].root,
        version=" + ".join(dict.fromkeys(dataset.version for dataset in datasets)),
        fps=datasets[0].fps,
        spec=common.spec,
        info={"robot_type": " + ".join(robots)},
        episodes=[
            replace(episode, index=episode.index + part.first_episode, start=episode.start + part.first_row)
            for part in parts
            for episode in part.dataset.episodes
        ],
        columns=columns,
        episode_of_row=np.concatenate(
            [d.episode_of_row + first for d, first in zip(datasets, positions.tolist(), strict=False)]
        ),
        frame_index=np.concatenate([dataset.frame_index for dataset in datasets]),
        task_of_row=task_of_row,
        tasks=tasks,
        warnings=[f"{dataset.repo_id}: {line}" for dataset in datasets for line in dataset.warnings] + common.notes,
        files=MixtureFiles(parts, common.orders),
    )
    joined.warnings += unlike_units(joined)
    _check_no_episode_twice(joined)
    return joined


@dataclass
class MixtureFiles:
    """The files of several datasets.

    orders   per dataset, feature -> (n,): which of its numbers comes first, second, ... in the whole
    """

    parts: list[Part]
    orders: list[dict[str, np.ndarray]]

    @cached_property
    def fingerprint(self) -> str:
        whole = "\n".join(part.dataset.fingerprint for part in self.parts)
        return hashlib.sha256(f"mixture\n{whole}".encode()).hexdigest()[:32]

    @property
    def bytes(self) -> int:
        return sum(part.dataset.bytes for part in self.parts)

    @property
    def episode_numbers(self) -> int:
        return self.parts[-1].first_episode + self.parts[-1].dataset.files.episode_numbers

    def declared_name(self, feature: str) -> str:
        """The name that all of them use, or the one it has here."""
        names = {part.dataset.declared_name(feature) for part in self.parts}
        return names.pop() if len(names) == 1 else feature

    def declared_facts(self, camera: str) -> dict[str, Any]:
        """What all of them say."""
        facts = [part.dataset.declared_facts(camera) for part in self.parts]
        return {name: value for name, value in facts[0].items() if all(f.get(name) == value for f in facts)}

    def pictures(
        self, camera: str, position: int, episode: Episode, size: tuple[int, int], first: int, stop: int | None
    ) -> Iterator[np.ndarray]:
        for part in self.parts:
            if position < len(part.dataset.episodes):
                own = part.dataset.episodes[position]
                return part.dataset.files.pictures(camera, position, own, size, first, stop)
            position -= len(part.dataset.episodes)
        raise IndexError(position)

    def statistics(self, spec: DatasetSpec) -> Statistics | None:
        """Those of the datasets aggregated, by LeRobot's rule; None when one of them has none."""
        found = [part.dataset.own_statistics() for part in self.parts]
        if any(one is None for one in found):
            return None
        sorted_out = [
            {name: _in_order(stats, order.get(name)) for name, stats in one.items() if name in spec.features}
            for one, order in zip(found, self.orders, strict=True)
            if one is not None
        ]
        return aggregate(sorted_out)


def _in_order(stats: dict[str, np.ndarray], order: np.ndarray | None) -> dict[str, np.ndarray]:
    if order is None:
        return stats
    return {key: value if key == "count" else value[order] for key, value in stats.items()}


def _columns(datasets: Sequence[Dataset], common: Common) -> dict[str, np.ndarray]:
    """Every vector that all of them have, in the same order of its numbers."""
    names = [n for n, c in datasets[0].columns.items() if all(_same_width(d.columns.get(n), c) for d in datasets)]
    joined = {}
    for name in names:
        orders = [common.orders[position].get(name) for position in range(len(datasets))]
        cut = [d.columns[name] if o is None else d.columns[name][:, o] for d, o in zip(datasets, orders, strict=True)]
        joined[name] = np.concatenate(cut)
    return joined


def _same_width(column: np.ndarray | None, other: np.ndarray) -> bool:
    return column is not None and column.shape[1:] == other.shape[1:]


def _narrowed(dataset: Dataset, common: Common, columns: dict[str, np.ndarray], first: int, end: int) -> Dataset:
    """A dataset with what it has in common with the others alone, so that no camera is decoded in vain."""
    return replace(
        dataset,
        spec=common.spec,
        columns={name: column[first:end] for name, column in columns.items()},
        episodes=[
            replace(e, videos={camera: span for camera, span in e.videos.items() if camera in common.spec.cameras})
            for e in dataset.episodes
        ],
    )


def _tasks(datasets: Sequence[Dataset]) -> tuple[list[str], np.ndarray]:
    """(instructions, each once; (rows,) which one): equal words are one task."""
    tasks = list(dict.fromkeys(task for dataset in datasets for task in dataset.tasks))
    number = {task: position for position, task in enumerate(tasks)}
    of_row = [np.array([number[task] for task in d.tasks], np.int64)[d.task_of_row] for d in datasets]
    return tasks, np.concatenate(of_row)


def _check_different(datasets: Sequence[Dataset]) -> None:
    seen: dict[str, str] = {}
    for dataset in datasets:
        if other := seen.get(dataset.fingerprint):
            raise ConfigError(
                f"{dataset.repo_id} holds the same as {other}: every episode would count twice",
                where="--dataset.mixture",
                hint="name it once; to draw from it more often, give it a weight",
            )
        seen[dataset.fingerprint] = dataset.repo_id


def _check_rates(datasets: Sequence[Dataset]) -> None:
    if len({dataset.fps for dataset in datasets}) > 1:
        rates = ", ".join(f"{dataset.repo_id} {dataset.fps:g} Hz" for dataset in datasets)
        raise ConfigError(
            f"the datasets were recorded at different rates, so a chunk would be of different lengths: {rates}",
            where="--dataset.mixture",
            hint="join recordings of one rate",
        )


def _check_no_episode_twice(joined: Dataset) -> None:
    twice = shared_episodes(joined)
    if not twice:
        return
    (part, episode), (other, same) = twice[0]
    more = f" and {len(twice) - 1} more" if len(twice) > 1 else ""
    of_later = sorted(index for _, (where, index) in twice if where is other)
    raise ConfigError(
        f"{len(twice)} episodes are in two of the datasets: they would count twice, and be held out here and trained "
        f"on there: {part.dataset.repo_id} {episode} = {other.dataset.repo_id} {same}{more}",
        where="--dataset.mixture",
        hint=f"train on {other.dataset.repo_id} alone if it holds all of them; else leave them out of it: "
        f"{{repo_id: {other.dataset.repo_id}, exclude_episodes: {of_later}}}",
    )
