"""Markdown from facts: tables whose cells cannot break them, and docstrings with their columns of names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

# "name   what it means": how the docstrings here list parameters and fields
_ENTRY = re.compile(r"^(\S.*?) {2,}(\S.*)$")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def code(text: str) -> str:
    """`text` as code, whatever it holds."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def words(text: str) -> str:
    """Plain words for a page: nothing in them is taken for Markdown but `code`."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([\\<*_\[\]$])", r"\\\1", part) for part in parts)


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring, on one line."""
    return words(inspect.cleandoc(text).split("\n\n")[0])


def docstring(text: str | None) -> str:
    """A docstring as Markdown: paragraphs, and its columns of names and meanings as tables."""
    return "\n\n".join(_block(block.splitlines()) for block in inspect.cleandoc(text or "").split("\n\n"))


def _block(lines: list[str]) -> str:
    if lines[0].startswith("    "):
        return "\n".join(lines)  # an example
    entries: list[list[str]] = []
    for line in lines:
        if found := _ENTRY.match(line):
            entries.append([found[1], found[2]])
        elif entries and line.startswith("  "):
            entries[-1][1] += " " + line.strip()
        else:
            return words(" ".join(lines))
    return table(("", ""), ([code(name), words(meaning)] for name, meaning in entries))
