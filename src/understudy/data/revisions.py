"""Which revision of a Hub repository to read: LeRobot tags a dataset with the version of its format.

LeRobot takes the tag of the version it reads. Several versions are read here, so the newest readable one is taken; a
repository without such a tag, which is common, is read from `main`, with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from understudy.core.errors import DataError

# of v3 any minor version is read
_NEWEST_V2 = 1


def as_version(name: str) -> tuple[int, int] | None:
    """`v2.1` or `2.1.0` as (2, 1); None for a branch name or a hash."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.\d+)?", name)
    return (int(match[1]), int(match[2])) if match else None


def choose_revision(names: Iterable[str], asked: str | None, where: str) -> tuple[str, str | None]:
    """(revision to read, a warning or None).

    names   every tag and branch of the repository
    asked   what the user wants; a version takes that tag, or the highest lower one of the same major version

    Raises DataError when only versions are there that cannot be read, or the version asked for is not.
    """
    versions = {version: name for name in names if (version := as_version(name))}
    if asked is not None:
        return _asked(versions, asked, where), None
    if not versions:
        return "main", f"{where} has no version tag: its main branch is read"
    readable = [v for v in versions if v[0] == 3 or (v[0] == 2 and v[1] <= _NEWEST_V2)]
    if readable:
        # exactly v3.0 before a newer minor version that is not known yet
        return versions[(3, 0) if (3, 0) in readable else max(readable)], None
    known = ", ".join(sorted(versions.values()))
    if max(versions)[0] < 2:
        hint = "convert it to v2.1 with LeRobot 0.3, then read the result as a folder"
    else:
        hint = "read it with the LeRobot version that wrote it"
    raise DataError(f"the repository holds no version that can be read, only {known}", where=where, hint=hint)


def _asked(versions: dict[tuple[int, int], str], asked: str, where: str) -> str:
    version = as_version(asked)
    if version is None:
        return asked
    if version in versions:
        return versions[version]
    same_major = [v for v in versions if v[0] == version[0] and v <= version]
    if same_major:
        return versions[max(same_major)]
    raise DataError(
        f"the repository has no version {asked}",
        where=where,
        hint=f"it has {', '.join(sorted(versions.values()))}" if versions else "it has no version tags; try main",
    )
