"""A page of ours in Markdown -> one HTML file that needs nothing beside it: pictures go inside, nothing is fetched.

Only what our pages use is understood: headings, paragraphs, lists, tables, indented blocks, pictures, links, **bold**,
*italics* and `code`. Everything else stays text, and every character of it is escaped first.
"""

from __future__ import annotations

import base64
import html
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; font-size: 0.85rem; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
img { max-width: 100% } code, pre { font-family: ui-monospace, monospace; background: #f5f5f5 }
pre { padding: 0.6rem; overflow-x: auto } h1, h2 { line-height: 1.2 }
"""
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def html_page(markdown: str, folder: Path) -> str:
    """The whole document; pictures are read relative to `folder`, and one that is not there leaves its words."""
    title = next((line[2:] for line in markdown.splitlines() if line.startswith("# ")), "report")
    body = "\n".join(_blocks(markdown, folder))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _blocks(markdown: str, folder: Path) -> Iterator[str]:
    for kind, group in itertools.groupby(markdown.splitlines(), key=_kind):
        lines = list(group)
        if kind == "heading":
            yield from (_heading(line) for line in lines)
        elif kind == "table":
            yield _table(lines)
        elif kind == "list":
            yield "<ul>" + "".join(f"<li>{_words(line[2:], folder)}</li>" for line in lines) + "</ul>"
        elif kind == "block":
            yield "<pre>" + html.escape("\n".join(line[4:] for line in lines)) + "</pre>"
        elif kind == "text":
            yield f"<p>{_words(' '.join(lines), folder)}</p>"


def _kind(line: str) -> str:
    """What a line belongs to; neighbouring lines of a kind make one block."""
    if not line.strip():
        return "nothing"
    starts = {"#": "heading", "|": "table", "- ": "list", "    ": "block"}
    return next((kind for start, kind in starts.items() if line.startswith(start)), "text")


def _heading(line: str) -> str:
    level = len(line) - len(line.lstrip("#"))
    return f"<h{level}>{_words(line[level:].strip(), Path())}</h{level}>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    ruled = len(rows) > 1 and all(set(cell) <= set("-: ") for cell in rows[1])
    right = [cell.endswith(":") for cell in rows[1]] if ruled else []

    def row(cells: list[str], tag: str) -> str:
        marks = [' class="number"' if i < len(right) and right[i] else "" for i in range(len(cells))]
        found = (f"<{tag}{m}>{_words(cell, Path())}</{tag}>" for cell, m in zip(cells, marks, strict=True))
        return f"<tr>{''.join(found)}</tr>"

    if not ruled:
        return "<table>" + "".join(row(cells, "td") for cells in rows) + "</table>"
    return f"<table>{row(rows[0], 'th')}{''.join(row(cells, 'td') for cells in rows[2:])}</table>"


def _words(text: str, folder: Path) -> str:
    """Escaped, then with pictures, links, bold, italics and code."""
    text = html.escape(text, quote=False)
    text = _PICTURE.sub(lambda found: _picture(found[1], found[2], folder), text)
    text = _LINK.sub(lambda found: f'<a href="{_quoted(found[2])}">{found[1]}</a>', text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"(?<![\w*])\*([^*]+)\*(?![\w*])", r"<i>\1</i>", text)


def _picture(words: str, place: str, folder: Path) -> str:
    path = folder / html.unescape(place)
    if path.suffix != ".png" or not path.is_file():
        return words
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{_quoted(words)}" src="data:image/png;base64,{content}">'


def _quoted(text: str) -> str:
    """Escaped text as the value of an attribute."""
    return text.replace('"', "&quot;")
