"""Before a row is read: which episodes, which files hold them, what has to be fetched, what is left out and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from understudy.core.errors import DataError

from .episodes import Entry, read_entries
from .hub import Source
from .info import Feature, Info, Layout
from .parquet import as_numpy, read_parquet
from .spans import first_frames
from .tree import Finder, Place, Tree, detect_layout, list_tree, missing_files

_LFS_POINTER = b"version https://git-lfs"


@dataclass
class Plan:
    """What will be read.

    new_names    declared name -> name from here on, of renamed features
    entries      the episodes to load; `all_entries` every one there is
    data_files   per entry, its parquet
    videos       per entry, camera -> (mp4, number of the first frame in it)
    left_out     declared features that are not offered (depth, cameras without files)
    notes        deviations met so far
    """

    tree: Tree
    info: Info
    layout: Layout
    version: str
    new_names: dict[str, str]
    all_entries: list[Entry]
    entries: list[Entry]
    data_files: list[str] = field(default_factory=list)
    videos: list[dict[str, tuple[str, int]]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def declared(self, name: str) -> str:
        """The name in info.json of the feature that is called `name` from here on."""
        return next((old for old, new in self.new_names.items() if new == name), name)


@dataclass
class _Search:
    """Result of looking for the files of some episodes in one tree."""

    data_files: list[str] = field(default_factory=list)
    video_files: list[dict[str, str]] = field(default_factory=list)
    missing: dict[str, list[int]] = field(default_factory=dict)  # file -> episodes that need it
    bare_cameras: list[str] = field(default_factory=list)  # declared, without any file
    strayed: list[str] = field(default_factory=list)


def make_plan(
    source: Source, info: Info, new_names: dict[str, str], choose: Callable[[list[Entry]], list[Entry]]
) -> Plan:
    """Find every file that the chosen episodes need, fetching from the source's repository those that are not here.

    Raises DataError for files that are missing, or a table of episodes that does not say where frames are.
    """
    tree = list_tree(source.root)
    if source.remote is not None and not _has_table(tree):
        source.remote.fetch(["meta/*"], "the rest of the description (meta)")
        tree = list_tree(source.root)
    layout, version, notes = detect_layout(tree, info)
    all_entries, more = read_entries(tree, info, layout)
    entries = choose(all_entries)
    plan = Plan(tree, info, layout, version, new_names, all_entries, entries, notes=notes + more)
    cameras = _cameras(plan)
    found = _search(plan, tree, cameras)
    if source.remote is not None and (found.missing or found.bare_cameras):
        _fetch(plan, source, cameras, only_cameras=not found.missing)
        found = _search(plan, plan.tree, cameras)
    _scan_by_content(plan, found)
    if found.missing:
        raise _incomplete(plan, found)
    plan.data_files = found.data_files
    if found.strayed:
        plan.notes.append(
            f"path templates in info.json do not fit: {found.strayed[0]} and others were found by file name"
        )
    for key in found.bare_cameras:
        plan.notes.append(f"camera `{key}` is declared but has no files: left out")
        plan.left_out.append(key)
    _place_videos(plan, found)
    return plan


def _has_table(tree: Tree) -> bool:
    return "meta/episodes.jsonl" in tree.names or bool(tree.below("meta/episodes", ".parquet"))


def _cameras(plan: Plan) -> list[Feature]:
    """The cameras stored as video; depth cameras are left out, with a note."""
    videos = []
    for name, feature in plan.info.features.items():
        if feature.is_visual and feature.is_depth:
            plan.left_out.append(name)
            plan.notes.append(f"camera `{name}` is a depth camera, which is not read yet: left out")
        elif feature.dtype == "video":
            videos.append(feature)
    return videos


def _search(plan: Plan, tree: Tree, cameras: list[Feature]) -> _Search:
    finder = Finder(tree, plan.info, plan.layout)
    found = _Search()
    found.bare_cameras = _bare_cameras(plan, finder, cameras)
    placed = {camera.name for camera in cameras if _needs_clips(plan, camera.name)}
    for entry in plan.entries:
        name, there = finder.data_file(entry.index, entry.data)
        found.data_files.append(name)
        needed = [] if there else [name]
        videos = {}
        for camera in cameras:
            if camera.name in found.bare_cameras:
                continue
            clip = entry.clips.get(camera.name)
            if clip is None and camera.name in placed:
                raise DataError(
                    f"the table of episodes does not say where the frames of episode {entry.index} are",
                    where=f"{plan.tree.root}/meta/episodes, videos/{camera.name}/from_timestamp",
                )
            place = clip.place if clip else Place()
            videos[camera.name], there = finder.video_file(camera.name, entry.index, place)
            needed += [] if there else [videos[camera.name]]
        found.video_files.append(videos)
        for name in needed:
            found.missing.setdefault(name, []).append(entry.index)
    found.strayed = finder.strayed
    return found


def _bare_cameras(plan: Plan, finder: Finder, cameras: list[Feature]) -> list[str]:
    """Cameras that are declared and have no file at all. Not all of them: then the videos were never copied here."""
    bare = [camera.name for camera in cameras if not finder.has_camera(camera.name)]
    has_pictures = any(feature.dtype == "image" for feature in plan.info.features.values())
    if len(bare) < len(cameras) or has_pictures:
        return bare
    # a v3 camera that the table of episodes does not know either was never recorded
    return [key for key in bare if _needs_clips(plan, key) and not any(key in e.clips for e in plan.all_entries)]


def _needs_clips(plan: Plan, key: str) -> bool:
    """Whether the videos of a camera hold several episodes, so that the table has to say where each of them is."""
    if any(key in entry.clips for entry in plan.all_entries):
        return True
    return plan.layout == "v3" and "episode_index" not in (plan.info.video_path or "")


def _fetch(plan: Plan, source: Source, cameras: list[Feature], *, only_cameras: bool) -> None:
    """Fetch what the chosen episodes need. Without a network a camera without files is all that is forgiven."""
    remote = source.remote
    assert remote is not None
    try:
        there = remote.tree()
    except DataError:
        if only_cameras:
            return
        raise
    both = Tree(source.root, plan.tree.names | there.names)
    found = _search(plan, both, cameras)
    needed = {*found.data_files, *(name for videos in found.video_files for name in videos.values())}
    needed |= {name for name in there.names if name.startswith("meta/")}
    if any(name.startswith("data/") for name in found.missing):
        needed |= set(there.below("data", ".parquet"))  # named in a way that only their content tells them apart
    needed = (needed & there.names) - plan.tree.names
    if needed:
        remote.fetch(sorted(needed), f"{len(needed)} files for {len(plan.entries)} episodes")
        plan.tree = list_tree(source.root)


def _scan_by_content(plan: Plan, found: _Search) -> None:
    """v3 data files with names of their own: find the episodes by the column `episode_index`. LeRobot does the same."""
    lost = {name for name in found.missing if name.startswith("data/")}
    present = plan.tree.below("data", ".parquet")
    if plan.layout != "v3" or not lost or not present:
        return
    holder: dict[int, str] = {}
    for name in present:
        table = read_parquet(plan.tree.root / name, lambda column: column == "episode_index")
        if table.num_columns:
            found_here = [np.unique(as_numpy(chunk)) for chunk in table.column(0).chunks]
            holder |= dict.fromkeys(np.concatenate(found_here).tolist() if found_here else [], name)
    for position, entry in enumerate(plan.entries):
        name = found.data_files[position]
        if name in lost and entry.index in holder:
            found.data_files[position] = holder[entry.index]
            found.missing[name].remove(entry.index)
            found.strayed.append(name)
    found.missing = {name: episodes for name, episodes in found.missing.items() if episodes}


def _incomplete(plan: Plan, found: _Search) -> DataError:
    without = sorted({index for episodes in found.missing.values() for index in episodes})
    if len(without) == len(plan.entries):
        hint = "the copy or download was stopped; fetch the rest of it"
    elif len(without) <= 20:
        hint = f"fetch the rest, or do without: --dataset.exclude_episodes='{without}'"
    else:
        hint = f"fetch the rest; {len(without)} of {len(plan.entries)} episodes lack a file"
    return missing_files(plan.tree.root, found.missing, hint=hint)


def _place_videos(plan: Plan, found: _Search) -> None:
    """Fill in `plan.videos`: where in its file each episode's clip begins."""
    loaded = {entry.index for entry in plan.entries}
    keys = list(found.video_files[0]) if found.video_files else []
    starts: dict[str, dict[int, int]] = {}
    for key in keys:
        _check_content(plan, {videos[key] for videos in found.video_files})
        if not any(key in entry.clips for entry in plan.all_entries):
            starts[key] = _one_file_each(plan, found, key)
            continue
        starts[key], notes = first_frames(plan.all_entries, loaded, key, plan.info.fps, str(plan.tree.root))
        plan.notes += notes
    for entry, videos in zip(plan.entries, found.video_files, strict=True):
        plan.videos.append({key: (name, starts[key][entry.index]) for key, name in videos.items()})


def _one_file_each(plan: Plan, found: _Search, key: str) -> dict[int, int]:
    """Without clip times every episode needs a file of its own, which it fills from the first frame on."""
    used: dict[str, int] = {}
    for entry, videos in zip(plan.entries, found.video_files, strict=True):
        other = used.setdefault(videos[key], entry.index)
        if other != entry.index:
            raise DataError(
                f"episodes {other} and {entry.index} share a video, and the table of episodes does not say which part",
                where=f"{plan.tree.root / videos[key]}; missing: videos/{key}/from_timestamp",
            )
    return dict.fromkeys(used.values(), 0)


def _check_content(plan: Plan, names: set[str]) -> None:
    for name in sorted(names):
        path: Path = plan.tree.root / name
        size = path.stat().st_size
        if size == 0:
            raise DataError("a video is empty (0 bytes)", where=str(path), hint="fetch the file again")
        if size < 1024 and path.read_bytes().startswith(_LFS_POINTER):
            raise DataError(
                "a video is a Git LFS pointer, not the video",
                where=str(path),
                hint="run `git lfs pull` in the dataset's repository",
            )
