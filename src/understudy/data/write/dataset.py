"""Assemble recorded episodes into a LeRobot v3.0 dataset, whole or not at all.

    with DatasetWriter(Path("lift"), form) as writer:
        with writer.episode("lift the cube") as episode:
            episode.add({"observation.state": state, "observation.images.front": picture, "action": action})

Recordings in several processes write their episodes with EpisodeWriter and call `assemble` themselves.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from understudy.core.errors import ConfigError
from understudy.core.files import TEMPORARY_PREFIX, check_new, folder_written_atomically, full_disk_reported
from understudy.data.info import DEFAULT_DATA_PATH, DEFAULT_VIDEO_PATH, INFO
from understudy.data.spec import Statistics
from understudy.data.statistics import of_histogram

from .episode import EpisodeWriter, ReadyEpisode, read_staged
from .form import DatasetForm
from .places import CHUNKS_SIZE, DATA_MB, VIDEO_MB, Place, by_file, in_files
from .tables import as_lists, numbered_rows, numbers_of, of_columns, write_episodes, write_frames, write_tasks
from .video import join_videos, parameter_sets, stream_facts

# timestamp, frame_index, episode_index, index, task_index
_NUMBERS_BYTES = 4 + 4 * 8
_DATA_PATH, _VIDEO_PATH = DEFAULT_DATA_PATH["v3"], DEFAULT_VIDEO_PATH["v3"]


def assemble(
    target: Path, form: DatasetForm, episodes: Sequence[ReadyEpisode], extra: Mapping[str, str] | None = None
) -> None:
    """Write the dataset of these episodes, in this order, into the new folder `target`.

    extra   further files of the dataset: path below `target` -> content

    Raises ConfigError when `target` is there or there is no episode, DiskFull, DataError for a damaged episode.
    """
    check_new(target, "folder of the dataset")
    if not episodes:
        raise ConfigError("a dataset needs an episode", where=str(target))
    with folder_written_atomically(target) as root:
        tasks = list(dict.fromkeys(episode.task for episode in episodes))
        rows, statistics, columns = _write_frames(root, form, episodes, tasks)
        facts = {name: _write_videos(root, form, name, episodes, rows) for name in form.videos}
        write_tasks(root / "meta/tasks.parquet", tasks)
        write_episodes(root, rows, statistics)
        whole = of_columns(columns) | _of_pictures(form, [episode.histograms for episode in episodes])
        _write_json(root / "meta/stats.json", as_lists(whole))
        _write_json(root / INFO, _info(form, rows, len(tasks), facts))
        for name, content in (extra or {}).items():
            (root / name).write_text(content)


def _write_frames(
    root: Path, form: DatasetForm, episodes: Sequence[ReadyEpisode], tasks: list[str]
) -> tuple[list[dict[str, Any]], list[Statistics], dict[str, np.ndarray]]:
    """(rows of the table of episodes, statistics of each episode, every column of numbers of the whole dataset)."""
    starts = np.cumsum([0, *(episode.length for episode in episodes)]).tolist()
    rows: list[dict[str, Any]] = []
    statistics: list[Statistics] = []
    parts: list[dict[str, np.ndarray]] = []
    # what numbers the rows comes on top of what was recorded
    places = in_files([episode.bytes + _NUMBERS_BYTES * episode.length for episode in episodes], DATA_MB)
    for place, members in by_file(places).items():
        tables = []
        for number in members:
            episode = episodes[number]
            table = numbered_rows(form, episode, number, starts[number], tasks.index(episode.task))
            parts.append(numbers_of(form, table))
            statistics.append(of_columns(parts[-1]) | _of_pictures(form, [episode.histograms]))
            rows.append(_row(number, episode, starts[number], place))
            tables.append(table)
        write_frames(root / place.of(_DATA_PATH), tables)
    return rows, statistics, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _row(number: int, episode: ReadyEpisode, start: int, place: Place) -> dict[str, Any]:
    return {
        "episode_index": number,
        "tasks": [episode.task],
        "length": episode.length,
        "data/chunk_index": place.chunk,
        "data/file_index": place.file,
        "dataset_from_index": start,
        "dataset_to_index": start + episode.length,
    }


def _write_videos(
    root: Path, form: DatasetForm, name: str, episodes: Sequence[ReadyEpisode], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """Join the videos of one camera, tell `rows` where each episode is, and give what info.json says of them."""
    parts = [episode.video(name) for episode in episodes]
    kinds = [parameter_sets(part) for part in parts]
    places = in_files([part.stat().st_size for part in parts], VIDEO_MB, kinds)
    for place, members in by_file(places).items():
        path = root / place.of(_VIDEO_PATH, video_key=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        join_videos([parts[i] for i in members], [episodes[i].length for i in members], path, form.fps)
        before = 0
        for number in members:
            after = before + episodes[number].length
            rows[number] |= {
                f"videos/{name}/chunk_index": place.chunk,
                f"videos/{name}/file_index": place.file,
                # a quotient, never a running sum of durations, which drifts
                f"videos/{name}/from_timestamp": before / form.fps,
                f"videos/{name}/to_timestamp": after / form.fps,
            }
            before = after
    return stream_facts(root / Place().of(_VIDEO_PATH, video_key=name))


def _of_pictures(form: DatasetForm, parts: Sequence[Mapping[str, tuple[np.ndarray, int]]]) -> Statistics:
    return {
        name: of_histogram(sum(part[name][0] for part in parts), sum(part[name][1] for part in parts))  # type: ignore[arg-type]
        for name in form.cameras
    }


def _info(
    form: DatasetForm, rows: Sequence[dict[str, Any]], tasks: int, facts: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "codebase_version": "v3.0",
        "robot_type": form.robot_type,
        "total_episodes": len(rows),
        "total_frames": rows[-1]["dataset_to_index"],
        "total_tasks": tasks,
        "chunks_size": CHUNKS_SIZE,
        "data_files_size_in_mb": DATA_MB,
        "video_files_size_in_mb": VIDEO_MB,
        "fps": form.fps,
        "splits": {"train": f"0:{len(rows)}"},
        "data_path": _DATA_PATH,
        "video_path": _VIDEO_PATH if form.videos else None,
        "features": form.described(facts),
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")


class DatasetWriter:
    """Writes a dataset episode by episode, in one process. The folder appears when the `with` ends without an error.

    Raises ConfigError when the folder is there already or no episode was written, DiskFull.
    """

    def __init__(self, folder: Path, form: DatasetForm) -> None:
        check_new(folder, "folder of the dataset")
        self.folder, self.form = folder, form
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._staging = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{folder.name}-", dir=folder.parent))
        self._episodes: list[ReadyEpisode] = []

    @contextlib.contextmanager
    def episode(self, task: str) -> Iterator[EpisodeWriter]:
        """Takes the frames of the next episode; one that is left by an exception is dropped."""
        episode = EpisodeWriter(self.form)
        yield episode
        folder = self._staging / f"{len(self._episodes):06d}"
        with full_disk_reported(self.folder, f"{self.folder.name}/"):
            folder.mkdir()
            episode.save(folder, task)
        self._episodes.append(read_staged(folder))

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                assemble(self.folder, self.form, self._episodes)
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)
