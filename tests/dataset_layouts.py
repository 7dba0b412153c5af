"""Where a LeRobot dataset keeps what, for v2.0, v2.1 and v3.0: the writing half of `make_dataset`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
_ENCODER_OPTIONS = {
    "h264": {"crf": "10", "preset": "ultrafast"},
    "hevc": {"crf": "8", "preset": "ultrafast", "x265-params": "log-level=none"},
    "av1": {"crf": "10", "preset": "12"},
}
_PATHS = {
    "v2": {
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    },
    "v3": {
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    },
}


def expected_level(episode: int, frame: int, camera: int = 0) -> int:
    """The grey level, 20..235, of a frame; neighbours in time differ by 9 or more, so a wrong frame is seen."""
    return 20 + (episode * 31 + frame * 11 + camera * 101) % 216


def write_video(
    path: Path, levels: Sequence[int], *, size: tuple[int, int], fps: int = 30, codec: str = "h264"
) -> None:
    """An mp4 with one flat grey frame per level, key frame every second frame, first timestamp 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(_ENCODERS[codec], rate=fps, options=_ENCODER_OPTIONS[codec] | {"g": "2"})
        stream.height, stream.width, stream.pix_fmt = size[0], size[1], "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, fps)
        for number, level in enumerate(levels):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def table_of(columns: dict[str, np.ndarray]) -> pa.Table:
    """The columns as an arrow table with the types LeRobot writes."""
    arrays = {}
    for name, values in columns.items():
        if values.dtype == object:
            kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
            arrays[name] = pa.array(list(values), kind)
        elif values.ndim == 2:
            arrays[name] = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        else:
            arrays[name] = pa.array(values)
    return pa.table(arrays)


def _json_lines(path: Path, items: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))


class V2Layout:
    """One file per episode, tables of episodes and tasks as JSON lines."""

    templates = _PATHS["v2"]

    def __init__(
        self,
        root: Path,
        version: str,
        lengths: list[int],
        features: dict[str, Any],
        tasks: Sequence[str],
        fps: int,
        chunks_size: int,
        episodes_per_file: int,
    ) -> None:
        self.root, self.version, self.lengths, self.features = root, version, lengths, features
        self.tasks, self.fps, self.chunks_size, self.per_file = list(tasks), fps, chunks_size, episodes_per_file
        (root / "meta").mkdir(parents=True)

    def task_of(self, episode: int) -> str:
        return self.tasks[episode % len(self.tasks)]

    def write_info(self) -> None:
        videos = sum(f["dtype"] == "video" for f in self.features.values())
        info = {
            "codebase_version": self.version,
            "robot_type": "made_up",
            "total_episodes": len(self.lengths),
            "total_frames": sum(self.lengths),
            "total_tasks": len(self.tasks),
            "chunks_size": self.chunks_size,
            "fps": self.fps,
            "splits": {"train": f"0:{len(self.lengths)}"},
            "data_path": self.templates["data_path"],
            "video_path": self.templates["video_path"] if videos else None,
            "features": self.features,
        } | self.own_counters(videos)
        (self.root / "meta/info.json").write_text(json.dumps(info, indent=4))

    def own_counters(self, videos: int) -> dict[str, int]:
        chunks = -(-len(self.lengths) // self.chunks_size)
        return {"total_videos": videos * len(self.lengths), "total_chunks": chunks}

    def write_meta(self, stats: list[dict[str, Any]], whole: dict[str, Any], video_keys: list[str]) -> None:
        meta = self.root / "meta"
        _json_lines(meta / "tasks.jsonl", [{"task_index": i, "task": task} for i, task in enumerate(self.tasks)])
        rows = [{"episode_index": e, "tasks": [self.task_of(e)], "length": n} for e, n in enumerate(self.lengths)]
        _json_lines(meta / "episodes.jsonl", rows)
        if self.version == "v2.0":
            kept = {name: {k: s[k] for k in ("mean", "std", "min", "max")} for name, s in whole.items()}
            (meta / "stats.json").write_text(json.dumps(kept, indent=4))
        else:
            lines = [{"episode_index": e, "stats": _without_quantiles(s)} for e, s in enumerate(stats)]
            _json_lines(meta / "episodes_stats.jsonl", lines)

    def write_tables(self, tables: list[dict[str, np.ndarray]]) -> None:
        for episode, columns in enumerate(tables):
            path = self.root / self.templates["data_path"].format(
                episode_chunk=episode // self.chunks_size, episode_index=episode
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table_of(columns), path)

    def write_videos(self, key: str, camera: int, size: tuple[int, int], codec: str) -> None:
        for episode, length in enumerate(self.lengths):
            path = self.root / self.templates["video_path"].format(
                episode_chunk=episode // self.chunks_size, video_key=key, episode_index=episode
            )
            levels = [expected_level(episode, frame, camera) for frame in range(length)]
            write_video(path, levels, size=size, fps=self.fps, codec=codec)


def _without_quantiles(stats: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {k: v for k, v in s.items() if k not in QUANTILES} for name, s in stats.items()}


class V3Layout(V2Layout):
    """Several episodes per file, tables of episodes and tasks as parquet."""

    templates = _PATHS["v3"]

    def own_counters(self, videos: int) -> dict[str, int]:
        return {"data_files_size_in_mb": 100, "video_files_size_in_mb": 200}

    def place(self, episode: int) -> dict[str, int]:
        """chunk_index and file_index of the file that holds the episode."""
        chunk, file = divmod(episode // self.per_file, self.chunks_size)
        return {"chunk_index": chunk, "file_index": file}

    def groups(self) -> list[list[int]]:
        every = range(len(self.lengths))
        return [list(every[i : i + self.per_file]) for i in range(0, len(every), self.per_file)]

    def write_meta(self, stats: list[dict[str, Any]], whole: dict[str, Any], video_keys: list[str]) -> None:
        meta = self.root / "meta"
        (meta / "stats.json").write_text(json.dumps(whole, indent=4))
        _write_tasks(meta / "tasks.parquet", self.tasks)
        rows = []
        for e, length in enumerate(self.lengths):
            start = sum(self.lengths[:e])
            row: dict[str, Any] = {"episode_index": e, "tasks": [self.task_of(e)], "length": length}
            row |= {f"data/{key}": value for key, value in self.place(e).items()}
            row |= {"dataset_from_index": start, "dataset_to_index": start + length}
            before = sum(self.lengths[i] for i in self.groups()[e // self.per_file] if i < e)
            for key in video_keys:
                row |= {f"videos/{key}/{name}": value for name, value in self.place(e).items()}
                row |= {f"videos/{key}/from_timestamp": before / self.fps}
                row |= {f"videos/{key}/to_timestamp": (before + length) / self.fps}
            for name, values in stats[e].items():
                row |= {f"stats/{name}/{key}": value for key, value in values.items()}
            rows.append(row | {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0})
        path = meta / "episodes/chunk-000/file-000.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), path)

    def write_tables(self, tables: list[dict[str, np.ndarray]]) -> None:
        for group in self.groups():
            path = self.root / self.templates["data_path"].format(**self.place(group[0]))
            path.parent.mkdir(parents=True, exist_ok=True)
            parts = [table_of(tables[e]) for e in group]
            with pq.ParquetWriter(path, parts[0].schema) as writer:
                for part in parts:  # one row group per episode, as the recorder writes them
                    writer.write_table(part)

    def write_videos(self, key: str, camera: int, size: tuple[int, int], codec: str) -> None:
        for group in self.groups():
            path = self.root / self.templates["video_path"].format(video_key=key, **self.place(group[0]))
            levels = [expected_level(e, frame, camera) for e in group for frame in range(self.lengths[e])]
            write_video(path, levels, size=size, fps=self.fps, codec=codec)


def _write_tasks(path: Path, tasks: list[str]) -> None:
    """The table as pandas would write it: the task is the index, which only the footer's `pandas` entry tells."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())})
    entry = {
        "field_name": "task_index",
        "name": "task_index",
        "numpy_type": "int64",
        "pandas_type": "int64",
        "metadata": None,
    }
    index = {"field_name": "task", "name": "task", "numpy_type": "object", "pandas_type": "unicode", "metadata": None}
    footer = {"index_columns": ["task"], "column_indexes": [], "columns": [entry, index], "pandas_version": "2.2.0"}
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(footer)}), path)
