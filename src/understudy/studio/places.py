"""Places: the folders that a studio serves, and the refusal of everything outside them.

A path in a link is what the browser sent, so it is believed only after it has been resolved, links included, and found
below a served folder. How a path is written in a link: the number of its folder, a slash, the way from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.core.errors import ConfigError


class Outside(ConfigError):
    """A path that leads out of the served folders."""


@dataclass(frozen=True)
class Places:
    """The served folders, resolved. Raises ConfigError for one that is not there, from `serve`."""

    roots: tuple[Path, ...]

    def name(self, path: Path) -> str:
        """How a link calls a path below a served folder. Raises Outside for another one."""
        for number, root in enumerate(self.roots):
            if path.is_relative_to(root):
                return f"{number}/{path.relative_to(root).as_posix()}"
        raise _outside(str(path))

    def find(self, name: str) -> Path:
        """The path that a link names. Raises Outside, ConfigError when nothing is there."""
        number, _, rest = name.partition("/")
        if not number.isdecimal() or int(number) >= len(self.roots):
            raise _outside(name)
        return self.check(self.roots[int(number)] / rest)

    def check(self, path: Path) -> Path:
        """`path` resolved. Raises Outside, ConfigError when nothing is there."""
        try:
            found = path.expanduser().resolve()
        except (OSError, RuntimeError, ValueError):
            raise Outside("this is no path", where=repr(str(path))) from None
        # in this order, so that nobody learns what there is outside
        if not any(found.is_relative_to(root) for root in self.roots):
            raise _outside(str(path))
        if not found.exists():
            raise ConfigError("there is nothing to look at", where=str(path))
        return found


def serve(folders: Sequence[Path]) -> Places:
    """The places of these folders. Raises ConfigError for one that is not there."""
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(
                "there is no such folder", where=str(folder), hint="name a folder that holds runs or datasets"
            )
    return Places(tuple(dict.fromkeys(folder.resolve() for folder in folders)))


def _outside(name: str) -> Outside:
    return Outside(
        "this lies outside the folders that the studio was started for",
        where=name,
        hint="start it with the folder that holds it: understudy studio FOLDER",
    )
