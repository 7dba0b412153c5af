"""Which files a dataset has, whether here or still on the Hub, and which of them hold a given episode.

Unusual: path templates in info.json are believed only if they fit. Templates that point nowhere while a file of that
name lies in another folder are common (`data/chunk-{episode_index:03d}/...` with everything in chunk-000), so a file is
also found by its name alone, when only one file has that name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from understudy.core.errors import DataError

from .info import DEFAULT_DATA_PATH, DEFAULT_VIDEO_PATH, INFO, Info, Layout

# only these folders belong to a dataset; `images/` is a recorder's scratch space, `.cache/` the downloader's
FOLDERS = ("meta", "data", "videos")


@dataclass(frozen=True)
class Place:
    """Where an episode is according to the episodes table: file numbers for v3, nothing for v2."""

    chunk_index: int | None = None
    file_index: int | None = None


@dataclass(frozen=True)
class Tree:
    """The files of a dataset as paths relative to `root`, with forward slashes."""

    root: Path
    names: frozenset[str]

    @cached_property
    def by_basename(self) -> dict[str, list[str]]:
        """File name without folders -> every path that ends in it."""
        found: dict[str, list[str]] = {}
        for name in sorted(self.names):
            found.setdefault(PurePosixPath(name).name, []).append(name)
        return found

    def below(self, folder: str, suffix: str) -> list[str]:
        """Sorted paths in `folder` that end in `suffix`."""
        return sorted(name for name in self.names if name.startswith(f"{folder}/") and name.endswith(suffix))


def list_tree(root: Path) -> Tree:
    """Walk the dataset's folders. Hidden files (such as `._x` of macOS) are not part of a dataset."""
    names: set[str] = set()
    for folder in FOLDERS:
        for parent, folders, files in os.walk(root / folder, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            base = Path(parent).relative_to(root).as_posix()
            names.update(f"{base}/{name}" for name in files if not name.startswith("."))
    return Tree(root, frozenset(names))


def detect_layout(tree: Tree, info: Info) -> tuple[Layout, str, list[str]]:
    """(layout of the files, version to report, deviations). The files decide; the label is checked against them.

    Raises DataError when there is no table of episodes at all.
    """
    label = info.version
    labelled: Layout | None = None if label is None else ("v3" if label.lstrip("v").startswith("3") else "v2")
    has_v3, has_v2 = bool(tree.below("meta/episodes", ".parquet")), "meta/episodes.jsonl" in tree.names
    if not has_v3 and not has_v2:
        _refuse_without_episodes(tree, info)
    layout: Layout = labelled if labelled and has_v3 and has_v2 else ("v3" if has_v3 else "v2")
    if layout == "v3":
        files_say = "v3.0"
    else:
        files_say = "v2.1" if "meta/episodes_stats.jsonl" in tree.names else "v2.0"
    if label is None:
        return layout, files_say, [f"info.json names no version; the files are laid out as {files_say}"]
    if labelled != layout:
        return layout, files_say, [f"info.json says {label}, but the files are laid out as {files_say}: read as that"]
    if layout == "v3" and label.lstrip("v") not in ("3.0", "3.0.0"):
        return layout, label, [f"version {label} is newer than this reader knows; read as v3.0"]
    return layout, label if label.startswith("v") else f"v{label}", []


def _refuse_without_episodes(tree: Tree, info: Info) -> None:
    if info.count("total_episodes") == 0 or not tree.below("data", ".parquet"):
        raise DataError(
            "the dataset is empty: it has an info.json but no episodes"
            if info.count("total_episodes") in (0, None)
            else "the dataset is only half there: it has an info.json but neither a table of episodes nor data",
            where=str(tree.root),
            hint="a recording that was broken off leaves this, and so does a download that was stopped",
        )
    raise DataError(
        "the table of episodes is missing: there is data, but nothing says where episodes begin and end",
        where=f"{tree.root}: neither meta/episodes.jsonl (v2) nor meta/episodes/*/*.parquet (v3)",
        hint="fetch the meta folder again",
    )


@dataclass
class Finder:
    """Finds the data and video files of episodes in a tree; `strayed` counts files found elsewhere than declared."""

    tree: Tree
    info: Info
    layout: Layout
    strayed: list[str] = field(default_factory=list)

    def data_file(self, episode: int, place: Place) -> tuple[str, bool]:
        """(path of the episode's parquet, whether it is there)."""
        template = self.info.data_path or DEFAULT_DATA_PATH[self._style(self.info.data_path)]
        return self._found(template, "data_path", episode, place, key="")

    def video_file(self, key: str, episode: int, place: Place) -> tuple[str, bool]:
        """(path of the episode's mp4 for camera `key`, whether it is there)."""
        template = self.info.video_path or DEFAULT_VIDEO_PATH[self._style(self.info.video_path)]
        return self._found(template, "video_path", episode, place, key=key)

    def has_camera(self, key: str) -> bool:
        """Whether any video file at all belongs to the camera."""
        return any(key in PurePosixPath(name).parts for name in self.tree.names if name.startswith("videos/"))

    def _style(self, template: str | None) -> Layout:
        return self.layout if template is None else ("v2" if "episode_index" in template else "v3")

    def _found(self, template: str, what: str, episode: int, place: Place, key: str) -> tuple[str, bool]:
        name = self._formatted(template, what, episode, place, key)
        if name in self.tree.names:
            return name, True
        own = "videos/" if key else "data/"
        alike = [
            other
            for other in self.tree.by_basename.get(PurePosixPath(name).name, [])
            if other.startswith(own) and (not key or key in PurePosixPath(other).parts)
        ]
        # v3 repeats file-000 in every chunk, so there a name alone says nothing
        if len(alike) == 1 and "episode_index" in PurePosixPath(template).name:
            self.strayed.append(name)
            return alike[0], True
        return name, False

    def _formatted(self, template: str, what: str, episode: int, place: Place, key: str) -> str:
        chunk = episode // self.info.chunks_size
        values = {"episode_index": episode, "episode_chunk": chunk, "video_key": key}
        values |= {
            "chunk_index": chunk if place.chunk_index is None else place.chunk_index,
            "file_index": episode if place.file_index is None else place.file_index,
        }
        try:
            name = template.format(**values)
        except (KeyError, IndexError, ValueError) as error:
            raise DataError(
                f"the path template {template!r} cannot be filled in: {type(error).__name__} {error}",
                where=f"{self.info.path}, {what}",
                hint=f"known placeholders: {', '.join(values)}",
            ) from error
        return check_inside(name, f"{self.info.path}, {what}")


def check_inside(name: str, where: str) -> str:
    """Refuse a path that leaves the dataset's folder: info.json may come from anybody. Returns it normalised."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"the path {name!r} leads out of the dataset's folder", where=where)
    return str(path)


def missing_files(root: Path, names: Iterable[str], *, hint: str) -> DataError:
    """The error for files of a dataset that are not there."""
    missing = sorted(set(names))
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    count = "a file is" if len(missing) == 1 else f"{len(missing)} files are"
    return DataError(f"the dataset is only half there: {count} missing", where=f"{root / missing[0]}{more}", hint=hint)


def has_info(root: Path) -> bool:
    """Whether `root` holds a dataset's info.json."""
    return (root / INFO).is_file()
