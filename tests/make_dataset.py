"""Small LeRobot datasets that are right in every detail, for tests to read and to damage.

Frames are flat grey; the level tells which camera, episode and frame it is (`expected_level`), and survives any codec
to within 3 levels. State and action are smooth waves, action[t] = state[t + 1] as far as both have the dimension, so
that a policy can learn them. Nothing here imports pandas or the package under test.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dataset_layouts import QUANTILES, V2Layout, V3Layout, expected_level, table_of, write_video

__all__ = ["expected_level", "make_dataset", "table_of", "write_video"]


def make_dataset(
    folder: Path,
    *,
    version: str = "v3.0",
    episodes: int = 3,
    frames: int | Sequence[int] = 20,
    size: tuple[int, int] = (24, 32),
    cameras: Sequence[str] = ("front",),
    images_as: str = "video",
    state_dim: int = 6,
    action_dim: int = 6,
    fps: int = 30,
    seed: int = 0,
    codec: str = "h264",
    tasks: Sequence[str] = ("move the block",),
    episodes_per_file: int | None = None,
    chunks_size: int = 1000,
) -> Path:
    """Write a dataset into `folder` (replaced if it is there) and return the folder.

    frames              frames per episode, one number or one for each
    size                (height, width) of every camera
    images_as           "video" or "image" (PNG bytes in the parquet)
    state_dim           0 leaves `observation.state` out
    tasks               episode e gets task e modulo their number
    episodes_per_file   v3.0 only: episodes per parquet and mp4; None puts all into one
    chunks_size         v2: episodes per chunk folder; v3.0: files per chunk folder
    """
    shutil.rmtree(folder, ignore_errors=True)
    lengths = [frames] * episodes if isinstance(frames, int) else list(frames)
    keys = [f"observation.images.{camera}" for camera in cameras]
    features = _features(state_dim, action_dim, keys, size, images_as, codec, fps)
    tables = []
    for episode, length in enumerate(lengths):
        start = sum(lengths[:episode])
        columns = _columns(episode, length, start, len(lengths), state_dim, action_dim, fps, seed, len(tasks))
        if images_as == "image":
            columns |= {key: _png_column(episode, length, k, size) for k, key in enumerate(keys)}
        tables.append(columns)
    levels = {
        key: [np.array([expected_level(e, f, k) for f in range(n)]) / 255.0 for e, n in enumerate(lengths)]
        for k, key in enumerate(keys)
    }
    stats = [_statistics(table, {key: levels[key][e] for key in keys}) for e, table in enumerate(tables)]
    whole = {name: np.concatenate([table[name] for table in tables]) for name in tables[0] if name not in keys}
    whole_stats = _statistics(whole, {key: np.concatenate(levels[key]) for key in keys})
    layout = V3Layout if version.startswith("v3") else V2Layout
    video_keys = keys if images_as == "video" else []
    writer = layout(folder, version, lengths, features, tasks, fps, chunks_size, episodes_per_file or len(lengths))
    writer.write_info()
    writer.write_meta(stats, whole_stats, video_keys)
    writer.write_tables(tables)
    for k, key in enumerate(video_keys):
        writer.write_videos(key, k, size, codec)
    return folder


def _features(
    state_dim: int, action_dim: int, keys: list[str], size: tuple[int, int], images_as: str, codec: str, fps: int
) -> dict[str, dict[str, Any]]:
    features: dict[str, dict[str, Any]] = {}
    for name, dim in (("observation.state", state_dim), ("action", action_dim)):
        if dim:
            features[name] = {"dtype": "float32", "shape": [dim], "names": [f"joint_{i}.pos" for i in range(dim)]}
    facts = {
        "video.height": size[0],
        "video.width": size[1],
        "video.codec": codec,
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "is_depth_map": False,
        "video.fps": fps,
        "video.channels": 3,
        "has_audio": False,
    }
    for key in keys:
        features[key] = {"dtype": images_as, "shape": [*size, 3], "names": ["height", "width", "channels"]}
        if images_as == "video":
            features[key]["info"] = facts
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    for name in ("frame_index", "episode_index", "index", "task_index"):
        features[name] = {"dtype": "int64", "shape": [1], "names": None}
    return features


def _columns(
    episode: int,
    length: int,
    start: int,
    episodes: int,
    state_dim: int,
    action_dim: int,
    fps: int,
    seed: int,
    tasks: int,
) -> dict[str, np.ndarray]:
    """One episode's columns by name. Each dimension is a wave of its own; the phase depends on seed and episode."""
    rng = np.random.default_rng([seed, 7])
    dim = max(state_dim, action_dim)
    offset, amplitude, speed = rng.uniform(-1, 1, dim), rng.uniform(0.3, 1.0, dim), rng.uniform(0.05, 0.25, dim)
    phase = 2 * np.pi * (episode / episodes) + rng.uniform(0, 6, dim)
    wave = offset + amplitude * np.sin(np.arange(length + 1)[:, None] * speed + phase)
    frame = np.arange(length)
    columns = {
        "observation.state": wave[:-1, :state_dim].astype(np.float32),
        "action": wave[1:, :action_dim].astype(np.float32),
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(length, episode),
        "index": start + frame,
        "task_index": np.full(length, episode % tasks),
    }
    return {name: values for name, values in columns.items() if values.ndim == 1 or values.shape[1]}


def _png_column(episode: int, length: int, camera: int, size: tuple[int, int]) -> np.ndarray:
    encoded = np.empty(length, object)
    for frame in range(length):
        file = io.BytesIO()
        Image.fromarray(np.full((*size, 3), expected_level(episode, frame, camera), np.uint8)).save(file, "PNG")
        encoded[frame] = {"bytes": file.getvalue(), "path": f"frame-{frame:06d}.png"}
    return encoded


def _statistics(columns: dict[str, np.ndarray], levels: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    stats = {}
    for name, values in columns.items():
        if values.dtype != object:
            rows = values.reshape(len(values), -1).astype(np.float64)
            stats[name] = {key: value.tolist() for key, value in _five(rows).items()} | {"count": [len(rows)]}
    for name, level in levels.items():
        rows = np.repeat(level[:, None], 3, axis=1)
        stats[name] = {key: value.reshape(3, 1, 1).tolist() for key, value in _five(rows).items()} | {
            "count": [len(rows)]
        }
    return stats


def _five(rows: np.ndarray) -> dict[str, np.ndarray]:
    plain = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    return plain | {name: np.quantile(rows, q, axis=0) for name, q in QUANTILES.items()}
