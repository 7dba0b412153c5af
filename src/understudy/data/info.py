"""meta/info.json: the format's version, the frame rate, the path templates and the features, read and checked.

Unusual: third-party writers leave out almost every key that is not used for loading, so only `features` and `fps` are
required. What is left out gets LeRobot's default.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from understudy.core.errors import DataError

Layout = Literal["v2", "v3"]

INFO = "meta/info.json"
# kept by the reader in arrays of their own, never offered to a policy
BOOKKEEPING = ("frame_index", "episode_index", "index", "task_index")

DEFAULT_DATA_PATH = {
    "v2": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
    "v3": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
}
DEFAULT_VIDEO_PATH = {
    "v2": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    "v3": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
}


@dataclass(frozen=True)
class Feature:
    """One entry of `features` as declared. `facts` is its `info` (or the older `video_info`), {} when absent."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    names: Any = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_visual(self) -> bool:
        return self.dtype in ("video", "image")

    @property
    def is_depth(self) -> bool:
        return bool(self.facts.get("is_depth_map") or self.facts.get("video.is_depth_map"))


@dataclass(frozen=True)
class Info:
    """info.json. `version` is the label, None when the file has none; templates are None when absent."""

    path: Path
    raw: dict[str, Any]
    version: str | None
    fps: float
    chunks_size: int
    data_path: str | None
    video_path: str | None
    features: dict[str, Feature]

    def count(self, key: str) -> int | None:
        """A counter such as `total_episodes`, None when it is absent or no number."""
        value = self.raw.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises DataError when it is missing, not UTF-8 or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", where=str(path)) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path.name} is not valid JSON: {error.msg}",
            where=f"{path}, line {error.lineno}, column {error.colno}",
            hint="the file was probably cut off while it was written or downloaded; fetch the meta folder again",
        ) from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """One object per line; empty lines are skipped. Raises DataError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", where=str(path)) from error
    objects = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path.name} has a line that is not valid JSON: {error.msg}",
                where=f"{path}, line {number}",
                hint="a last line that is cut off comes from a recorder or download that was stopped",
            ) from error
        if not isinstance(item, dict):
            raise DataError(f"{path.name} has a line that is not a JSON object", where=f"{path}, line {number}")
        objects.append(item)
    return objects


def read_info(root: Path) -> Info:
    """Read and check `root`/meta/info.json. Raises DataError for anything that has no certain meaning."""
    path = root / INFO
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise DataError("info.json does not hold a JSON object", where=str(path))
    _check_version(raw.get("codebase_version"), path)
    features = raw.get("features")
    if not isinstance(features, dict) or not features:
        raise DataError("info.json declares no features", where=str(path), hint="every dataset needs `features`")
    return Info(
        path=path,
        raw=raw,
        version=raw.get("codebase_version"),
        fps=_positive(raw, "fps", path),
        chunks_size=int(_positive(raw, "chunks_size", path)) if raw.get("chunks_size") is not None else 1000,
        data_path=_template(raw, "data_path", path),
        video_path=_template(raw, "video_path", path),
        features={name: _feature(name, spec, path) for name, spec in features.items()},
    )


def _check_version(version: Any, path: Path) -> None:
    if version is None:
        return
    match = re.fullmatch(r"v?(\d+)\.(\d+)(\.\d+)?", version) if isinstance(version, str) else None
    known = "this reader knows v2.0, v2.1 and v3.0"
    if match is None:
        raise DataError(f"unknown dataset version {version!r}", where=f"{path}, codebase_version", hint=known)
    major, minor = int(match[1]), int(match[2])
    if major == 3 or (major == 2 and minor <= 1):
        return
    older = "convert it to v2.1 with LeRobot 0.3, whose conversion scripts still read it; " if major < 2 else ""
    raise DataError(
        f"dataset version {version} cannot be read", where=f"{path}, codebase_version", hint=f"{older}{known}"
    )


def _positive(raw: dict[str, Any], key: str, path: Path) -> float:
    value = raw.get(key)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type, operator]
        said = "is missing" if value is None else f"is {value!r}"
        raise DataError(f"`{key}` {said}; it has to be a number above 0", where=f"{path}, {key}")
    return float(value)  # type: ignore[arg-type]


def _template(raw: dict[str, Any], key: str, path: Path) -> str | None:
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f"`{key}` is {value!r}; it has to be a path with placeholders", where=f"{path}, {key}")
    return value or None


def _feature(name: str, spec: Any, path: Path) -> Feature:
    where = f"{path}, features, {name}"
    if not isinstance(spec, dict) or not isinstance(spec.get("dtype"), str):
        raise DataError(f"feature `{name}` has no `dtype`", where=where)
    shape = spec.get("shape", [1])
    if not isinstance(shape, list) or not all(isinstance(n, int) and n > 0 for n in shape):
        raise DataError(
            f"feature `{name}` has the shape {shape!r}; it has to be a list of positive numbers", where=where
        )
    facts = spec.get("info") or spec.get("video_info") or {}
    return Feature(name, spec["dtype"], tuple(shape), spec.get("names"), facts if isinstance(facts, dict) else {})
