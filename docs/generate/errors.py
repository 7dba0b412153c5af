"""Exit codes and the tree of exceptions, from core/errors.py."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.core import errors
from understudy.core.errors import EXIT_CODES, Interrupted, UnderstudyError

from .markdown import docstring, table, words


def error_pages() -> dict[str, str]:
    """errors.md."""
    codes = table(("code", "meaning"), ((str(number), words(meaning)) for number, meaning in EXIT_CODES.items()))
    parts = [
        "# Exit codes and exceptions",
        "The program ends with one of these, and says on stderr what happened, where, and what to do.",
        "## Exit codes",
        codes,
        "## Exceptions",
        "From Python the same errors are exceptions of `understudy.core.errors`. Each has `what`, `where` and `hint`, "
        "which `str()` shows one below the other, and `exit_code`.",
        "```text\n" + "\n".join(_tree(UnderstudyError)) + "\n```",
    ]
    for kind in _all(UnderstudyError):
        parts += [f"### {kind.__name__}", docstring(kind.__doc__)]
    return {"errors.md": "\n\n".join(parts) + "\n"}


def _children(kind: type[UnderstudyError]) -> list[type[UnderstudyError]]:
    return [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]


def _all(kind: type[UnderstudyError]) -> Iterator[type[UnderstudyError]]:
    yield kind
    for child in _children(kind):
        yield from _all(child)


def _tree(kind: type[UnderstudyError], indent: str = "") -> Iterator[str]:
    number = "130, 143" if kind is Interrupted else str(kind.exit_code)
    yield f"{indent + kind.__name__:<26}{number}"
    for child in _children(kind):
        yield from _tree(child, indent + "  ")
