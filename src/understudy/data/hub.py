"""Where a dataset comes from: a folder, LeRobot's local caches, or the Hub; and fetching from the Hub what is missing.

Unusual: nothing is fetched into a folder that the Hub's own bookkeeping (`.cache/huggingface`) does not know, because
fetching overwrites files that differ, and such a folder is somebody's own recording.

    $HF_LEROBOT_HOME/<user>/<name>                                     LeRobot's folder; fetched to by default
    $HF_LEROBOT_HOME/hub/datasets--<user>--<name>/snapshots/<commit>/  LeRobot 0.6's; fetched to for a named revision
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from understudy.core import log
from understudy.core.errors import DataError
from understudy.core.files import full_disk_reported

from .info import read_info
from .revisions import as_version, choose_revision
from .tree import FOLDERS, Tree, has_info

_REPO_ID = re.compile(r"[\w\-.]+(/[\w\-.]+)?")


def lerobot_home() -> Path:
    """$HF_LEROBOT_HOME, by default `lerobot` in $HF_HOME, which by default is in the user's cache folder."""
    if chosen := os.environ.get("HF_LEROBOT_HOME"):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or f"{cache}/huggingface").expanduser() / "lerobot"


@dataclass
class Remote:
    """A dataset repository on the Hub and the folder it is fetched to.

    local_dir   plain folder for the files, or None: the snapshot cache `cache_dir` is used
    asked       revision the user named, None for the newest readable version
    """

    repo_id: str
    asked: str | None
    local_dir: Path | None
    cache_dir: Path
    notes: list[str] = field(default_factory=list)
    _revision: str | None = None

    @property
    def revision(self) -> str:
        """The tag, branch or commit that is read; asks the Hub once. Raises DataError."""
        if self._revision is None:
            names = self._names()
            self._revision = self._known_commit() or self._choose(names)
        return self._revision

    def _known_commit(self) -> str | None:
        """The commit that the files already here came from, so that later files fit them."""
        if self.local_dir is None:
            return None
        path = self.local_dir / ".cache/huggingface/download/meta/info.json.metadata"
        lines = path.read_text().split() if path.is_file() and has_info(self.local_dir) else []
        return lines[0] if lines and re.fullmatch(r"[0-9a-f]{40}", lines[0]) else None

    def _names(self) -> list[str]:
        """Tags and branches. Asked first in any case: without a network it fails at once, listing files in a minute."""
        with self._errors_explained():
            refs = _api().list_repo_refs(self.repo_id, repo_type="dataset")
            return [ref.name for ref in (*refs.tags, *refs.branches)]

    def _choose(self, names: list[str]) -> str:
        revision, note = choose_revision(names, self.asked, f"the repository {self.repo_id} on the Hub")
        if note:
            self.notes.append(note)
        return revision

    def tree(self) -> Tree:
        """Every file of the dataset as it is on the Hub. Raises DataError."""
        with self._errors_explained():
            names = _api().list_repo_files(self.repo_id, repo_type="dataset", revision=self.revision)
        own = frozenset(name for name in names if name.split("/")[0] in FOLDERS)
        return Tree(self.local_dir or self.cache_dir, own)

    def fetch(self, names: Iterable[str], what: str) -> Path:
        """Download the files that match `names` (may end in *) unless they are here; returns the dataset's folder.

        Continues a download that was broken off. Raises DataError when the Hub cannot be reached, DiskFull.
        """
        target: dict[str, Any] = {"cache_dir": self.cache_dir}
        if self.local_dir is not None:
            target = {"local_dir": self.local_dir}
        log.say(f"fetching {what} of {self.repo_id} ({self.revision}) to {self.local_dir or self.cache_dir}")
        patterns = [name if name.endswith("*") else glob.escape(name) for name in names]
        with full_disk_reported(self.local_dir or self.cache_dir, what), self._errors_explained():
            folder = _api().snapshot_download(
                self.repo_id, repo_type="dataset", revision=self.revision, allow_patterns=patterns, **target
            )
        return Path(folder)

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # the library lets through those of three HTTP libraries, by its own version
            raise self._explanation(error) from error

    def _explanation(self, error: Exception) -> DataError:
        from huggingface_hub import errors

        by_hand = f"hf download {self.repo_id} --repo-type dataset"
        if self.asked:
            by_hand += f" --revision {self.asked}"
        folder = self.local_dir or Path("FOLDER")
        text = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {text[0] if text else ''}"
        if isinstance(error, errors.GatedRepoError):
            what, hint = f"access to {self.repo_id} has to be granted on the Hub first", "then log in: hf auth login"
        elif isinstance(error, errors.RepositoryNotFoundError):
            what = f"there is no dataset {self.repo_id} on the Hub, or it is private"
            hint = f"check the name; log in for a private one (hf auth login); a local folder is given as {_ROOT_FLAG}"
        elif isinstance(error, errors.RevisionNotFoundError):
            what, hint = (
                f"{self.repo_id} has no revision {self._revision or self.asked}",
                "leave out --dataset.revision",
            )
        else:
            what = f"{self.repo_id} is not here, or not all of it, and could not be fetched from the Hub ({reason})"
            place = f"to {folder}" if self.local_dir else "here"
            hint = (
                "with a network, repeat the command: it continues where it stopped; without one, run "
                f"`{by_hand} --local-dir {folder}` elsewhere, copy that folder {place}, or name it with {_ROOT_FLAG}"
            )
        return DataError(what, where=str(self.local_dir or self.cache_dir), hint=hint)


_ROOT_FLAG = "--dataset.root=FOLDER"


def _api() -> Any:
    from huggingface_hub import HfApi

    # the environment as it is now: the library reads it once, when it is imported
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)


@dataclass
class Source:
    """The folder of a dataset, and the repository that files missing from it may be fetched from (None: none may)."""

    repo_id: str
    root: Path
    remote: Remote | None
    notes: list[str] = field(default_factory=list)


def locate(repo_id: str, root: str | Path | None, revision: str | None) -> Source:
    """Find the dataset here, or start fetching it: afterwards `root` holds at least its meta folder.

    Raises DataError when there is no such folder, it is no dataset, or the Hub cannot give it.
    """
    if root is None and (folder := _as_folder(repo_id)) is not None:
        return _own_folder(str(repo_id), folder, revision)
    home = lerobot_home()
    remote: Remote | None = None
    if _REPO_ID.fullmatch(repo_id):
        plain = Path(root).expanduser() if root is not None else home / repo_id
        in_snapshots = root is None and revision is not None
        remote = Remote(repo_id, revision, None if in_snapshots else plain, home / "hub")
    elif root is None:
        raise DataError(f"{repo_id!r} is neither a folder nor a repository name", hint="names look like user/name")
    if root is not None:
        return _given_root(repo_id, Path(root).expanduser(), remote)
    assert remote is not None
    if has_info(home / repo_id) and (revision is None or _is_version(home / repo_id, revision)):
        return Source(repo_id, home / repo_id, remote if _from_hub(home / repo_id) else None)
    if snapshot := _snapshot(home / "hub" / f"datasets--{repo_id.replace('/', '--')}", revision):
        return Source(repo_id, snapshot, Remote(repo_id, snapshot.name, None, home / "hub"))
    return _fetched(repo_id, remote)


def _as_folder(repo_id: str) -> Path | None:
    path = Path(repo_id).expanduser()
    looks_like_path = repo_id.startswith((".", "/", "~")) or repo_id.endswith("/") or repo_id.count("/") > 1
    return path if looks_like_path or has_info(path) else None


def _own_folder(repo_id: str, folder: Path, revision: str | None) -> Source:
    if not folder.exists():
        raise DataError("the dataset's folder does not exist", where=str(folder.absolute()))
    notes = [f"revision {revision} has no meaning for a folder and is ignored"] if revision else []
    return Source(repo_id, check_folder(folder), None, notes)


def check_folder(folder: Path) -> Path:
    """The folder, if it looks like a dataset. Raises DataError that tells what is there instead."""
    if not folder.is_dir():
        raise DataError("a dataset is a folder, and this is a file", where=str(folder))
    if has_info(folder):
        return folder
    inside = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if not inside:
        raise DataError("the dataset's folder is empty", where=str(folder))
    deeper = [path.parent.parent for path in folder.glob("*/meta/info.json")]
    shown = ", ".join(inside[:6]) + (", ..." if len(inside) > 6 else "")
    raise DataError(
        "this folder is no LeRobot dataset: it has no meta/info.json",
        where=f"{folder} (holds {shown})",
        hint=f"did you mean {deeper[0]}?" if deeper else "a download that was stopped early leaves such a folder, too",
    )


def _given_root(repo_id: str, root: Path, remote: Remote | None) -> Source:
    is_there = root.exists() and not (root.is_dir() and not any(root.iterdir()))
    if is_there and not (remote is not None and root.is_dir() and _from_hub(root) and not has_info(root)):
        return Source(repo_id, check_folder(root), remote if remote is not None and _from_hub(root) else None)
    if remote is None:
        raise DataError("the dataset's folder is empty or does not exist", where=str(root.absolute()))
    try:
        return _fetched(repo_id, remote)
    except DataError as error:
        state = "is empty" if root.exists() else "does not exist"
        raise DataError(f"the folder {root} {state}, and {error.what}", where=error.where, hint=error.hint) from error


def _fetched(repo_id: str, remote: Remote) -> Source:
    root = remote.fetch(["meta/*"], "the description (meta)")
    if not has_info(root):
        raise DataError(
            f"{repo_id} on the Hub is no LeRobot dataset, or could not be fetched: it has no meta/info.json",
            where=str(root),
        )
    return Source(repo_id, root, remote, remote.notes)


def _is_version(folder: Path, revision: str) -> bool:
    """Whether `revision` is a version of the format, and the one that the folder holds."""
    version = as_version(revision)
    return version is not None and version == as_version(str(read_info(folder).version))


def _from_hub(folder: Path) -> bool:
    return (folder / ".cache/huggingface").is_dir()


def _snapshot(storage: Path, revision: str | None) -> Path | None:
    """A snapshot in LeRobot 0.6's cache: that of `revision`, or the one of the newest readable version."""
    if revision is not None:
        wanted = [revision]
    else:
        wanted = ["v3.0", "v2.1", "v2.0", "main"]
    for name in wanted:
        ref = storage / "refs" / name
        commit = ref.read_text().strip() if ref.is_file() else name
        if has_info(storage / "snapshots" / commit):
            return storage / "snapshots" / commit
    if revision is None and (storage / "snapshots").is_dir():
        found = [path for path in (storage / "snapshots").iterdir() if has_info(path)]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    return None
