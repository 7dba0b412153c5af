"""LeRobot datasets of the formats v2.0, v2.1 and v3.0, read from a folder, LeRobot's caches or the Hub.

Everything whose meaning is certain is read, with a line in `Dataset.warnings` for each deviation; everything else is
refused by file and row, or episode and frame. Numbers are in RAM as arrays; pictures are decoded when asked for.
Frames are found by their number in the episode, never by time.

    dataset = load_dataset("lerobot/pusht")            # or a folder
    dataset.columns["action"]                          # (rows, 2) float32
    for frame in dataset.read_frames("observation.image", 0): ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .assemble import Rows, read_rows
from .dataset_files import DatasetFiles, FolderFiles, Part
from .episodes import choose
from .features import build_spec, check_rename_map, missing_action
from .hub import locate
from .images import PictureReader
from .info import read_info
from .plan import Plan, make_plan
from .spec import DatasetSpec, Statistics


@dataclass(frozen=True)
class VideoSpan:
    """The frames of one episode in a video file: `length` frames from number `first_frame` on."""

    path: Path
    first_frame: int
    length: int


@dataclass(frozen=True)
class Episode:
    """One loaded episode.

    index    its `episode_index` in the dataset
    start    its first row among the loaded rows
    length   frames
    tasks    the instructions its frames have, in order of appearance
    videos   camera -> where its frames are; empty for cameras stored as pictures
    """

    index: int
    start: int
    length: int
    tasks: tuple[str, ...]
    videos: dict[str, VideoSpan]


@dataclass
class Dataset:
    """The loaded episodes of a dataset, one row per frame, episodes one after the other.

    columns          feature -> (rows, n) float32, every numeric vector, in the dataset's own units
    episode_of_row   (rows,) int64, position in `episodes`
    frame_index      (rows,) int64, number of the frame in its episode
    task_of_row      (rows,) int64, position in `tasks`
    warnings         deviations from the format that were read anyway, a line each
    """

    repo_id: str
    root: Path
    version: str
    fps: float
    spec: DatasetSpec
    info: dict[str, Any]
    episodes: list[Episode]
    columns: dict[str, np.ndarray]
    episode_of_row: np.ndarray
    frame_index: np.ndarray
    task_of_row: np.ndarray
    tasks: list[str]
    warnings: list[str]
    files: DatasetFiles = field(repr=False)

    @property
    def num_rows(self) -> int:
        return len(self.frame_index)

    @property
    def fingerprint(self) -> str:
        """A hex name for the dataset's content: meta, parquet, size and both ends of the videos that are here.

        The same wherever the dataset lies and whichever episodes of it are loaded.
        """
        return self.files.fingerprint

    @property
    def bytes(self) -> int:
        """Size of the dataset's files that are here."""
        return self.files.bytes

    @property
    def parts(self) -> list[Part]:
        """The datasets that it was joined from (mixture.py), one after the other; itself alone if it was not."""
        return self.files.parts or [Part(self)]

    def told(self, task: str) -> Dataset:
        """The same recordings, with `task` as the instruction of every frame."""
        episodes = [replace(episode, tasks=(task,)) for episode in self.episodes]
        return replace(self, episodes=episodes, tasks=[task], task_of_row=np.zeros_like(self.task_of_row))

    def declared_name(self, feature: str) -> str:
        """What the dataset's own files call the feature: `rename_map` undone."""
        return self.files.declared_name(feature)

    def declared_facts(self, camera: str) -> dict[str, Any]:
        """What info.json says about a camera's video (`video.codec` and the like), {} when it says nothing."""
        return self.files.declared_facts(camera)

    def read_frames(self, camera: str, episode: int) -> Iterator[np.ndarray]:
        """Frames of the episode at position `episode` in `episodes`: uint8 (h, w, 3), in order, exactly its length.

        Raises DataError naming file and frame when one cannot be decoded or has another size than declared.
        """
        return self._read(camera, self.episodes[episode], episode, 0, None)

    def read_frame(self, camera: str, row: int) -> np.ndarray:
        """One frame, uint8 (h, w, 3). Slow: for a video it decodes from the key frame before it."""
        position = int(self.episode_of_row[row])
        episode, frame = self.episodes[position], int(self.frame_index[row])
        if camera in episode.videos:
            from .video import decode_frame

            span = episode.videos[camera]
            return decode_frame(span.path, span.first_frame + frame)
        return next(self._read(camera, episode, position, frame, frame + 1))

    def _read(self, camera: str, episode: Episode, position: int, first: int, stop: int | None) -> Iterator[np.ndarray]:
        _, height, width = self.spec.features[camera].shape
        if camera in episode.videos:
            from .video import decode_span

            span = episode.videos[camera]
            return decode_span(span.path, span.first_frame, span.length, (height, width))
        return self.files.pictures(camera, position, episode, (height, width), first, stop)

    def own_statistics(self) -> Statistics | None:
        """The statistics that the dataset brings along, of all its episodes; None when it has none.

        Per-episode statistics are aggregated by LeRobot's rule. Raises DataError when they do not fit the features.
        """
        return self.files.statistics(self.spec)


def load_dataset(
    repo_id: str,
    *,
    root: str | Path | None = None,
    revision: str | None = None,
    episodes: Sequence[int] | None = None,
    exclude_episodes: Sequence[int] | None = None,
    tolerance_s: float | None = None,
    rename_map: Mapping[str, str] | None = None,
    rename_if_there: Mapping[str, str] | None = None,
) -> Dataset:
    """Load a dataset, fetching from the Hub what is not here.

    repo_id            `user/name`, looked for in LeRobot's caches and then on the Hub; or a folder
    root               the dataset's folder; fetched into when it is empty or does not exist
    revision           tag, branch or commit on the Hub; None takes the newest version that can be read
    episodes           load these alone (and fetch no others); exclude_episodes leaves some out
    tolerance_s        None: time stamps off the grid give a warning; else those further off raise DataError
    rename_map         name in the dataset -> name from here on
    rename_if_there    the same, for names that it need not have

    Raises DataError for a dataset that is missing, incomplete, damaged or not understood, ConfigError for episodes or
    features asked for that it does not have.
    """
    source = locate(repo_id, root, revision)
    info = read_info(source.root)
    new_names = {old: new for old, new in (rename_if_there or {}).items() if old in info.features} | dict(
        rename_map or {}
    )
    check_rename_map(new_names, info.features)
    plan = make_plan(source, info, new_names, lambda entries: choose(entries, episodes, exclude_episodes))
    # before the rows are read: a feature that no policy could take is known from info.json alone
    spec = build_spec(plan.info, new_names, plan.left_out)
    rows = read_rows(plan, tolerance_s)
    warnings = [*source.notes, *plan.notes, *rows.notes, *missing_action(spec, info.features)]
    return Dataset(
        repo_id=source.repo_id,
        root=source.root,
        version=plan.version,
        fps=plan.info.fps,
        spec=spec,
        info=plan.info.raw,
        episodes=_episodes(plan, rows),
        columns={new_names.get(name, name): values for name, values in rows.columns.items()},
        episode_of_row=rows.episode_of_row,
        frame_index=rows.frame_index,
        task_of_row=rows.task_of_row,
        tasks=rows.tasks,
        warnings=warnings,
        files=FolderFiles(plan, plan.all_entries, rows.stretches, PictureReader(source.root)),
    )


def _episodes(plan: Plan, rows: Rows) -> list[Episode]:
    found = []
    start = 0
    for position, entry in enumerate(plan.entries):
        videos = {
            plan.new_names.get(key, key): VideoSpan(plan.tree.root / name, first, entry.length)
            for key, (name, first) in plan.videos[position].items()
        }
        used = dict.fromkeys(rows.task_of_row[start : start + entry.length].tolist())
        tasks = tuple(rows.tasks[task] for task in used)
        found.append(Episode(entry.index, start, entry.length, tasks, videos))
        start += entry.length
    return found
