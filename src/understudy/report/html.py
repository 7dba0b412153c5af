"""A page of ours in Markdown -> one HTML file that needs nothing beside it: pictures go inside, nothing is fetched."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: light-dark(#222, #ddd); background: light-dark(#fff, #16181c) }
table { border-collapse: collapse; font-size: 0.85rem; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid light-dark(#ddd, #444); text-align: left }
td[style], th[style] { white-space: nowrap; font-variant-numeric: tabular-nums }
img { max-width: 100%; background: #fff } a { color: light-dark(#0b62a8, #74b9ec) }
img:only-of-type { display: block } img:not(:only-of-type) { width: 49.5% } em { font-size: 0.9rem }
code, pre { font-family: ui-monospace, monospace; background: light-dark(#f5f5f5, #24272d) }
pre { padding: 0.6rem; white-space: pre-wrap; overflow-wrap: anywhere } h1, h2 { line-height: 1.2 }
@media print { body { max-width: none; margin: 0; font-size: 11pt; color: #000; background: #fff }
  table { display: table; font-size: 8pt } td[style], th[style] { white-space: normal }
  th, td { padding: 0.2rem 0.35rem } img { max-height: 13cm } img, tr, pre, p { break-inside: avoid }
  h2, h3 { break-after: avoid } }
"""


def html_page(markdown: str, folder: Path) -> str:
    """The whole document; pictures are read relative to `folder`, and one that is not there leaves its words.

    HTML within the Markdown is shown as text, and only PNG files are read.
    """
    from markdown_it import MarkdownIt

    title = next((line[2:] for line in markdown.splitlines() if line.startswith("# ")), "report")
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")

    def picture(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        return _picture(renderer.renderInlineAsText(token.children, options, env), str(token.attrs["src"]), folder)

    parser.add_render_rule("image", picture)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head><body>\n{parser.render(markdown)}\n</body></html>\n"
    )


def _picture(words: str, place: str, folder: Path) -> str:
    path = folder / unquote(place)
    if path.suffix != ".png" or not path.is_file():
        return html.escape(words)
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{content}">'
