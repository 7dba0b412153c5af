"""What the pages of the documentation tell people to type: their blocks, their commands, their Python."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# docs/reference is made from the code, and is there only where the site was built
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.parent.name != "reference")]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))


def blocks(page: Path) -> list[str]:
    """The indented and fenced blocks of a page, without their marks; the cells of a notebook, and blocks between."""
    if page.suffix == ".ipynb":
        return [block for kind, text in cells(page) for block in ([text] if kind == "code" else _blocks(text))]
    return _blocks(page.read_text())


def _blocks(text: str) -> list[str]:
    found: list[str] = []
    lines: list[str] = []
    fenced = False
    for line in [*text.splitlines(), "end"]:
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line if fenced else line[4:])
        elif line or not lines:
            found += ["\n".join(lines)] if lines else []
            lines = []
    return found


def cells(notebook: Path) -> list[tuple[str, str]]:
    """(kind, source) of each cell; the kind is "code" or "markdown"."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(notebook.read_text())["cells"]]


def commands(page: Path, program: str) -> list[str]:
    """The lines of its blocks that call `program`, continued lines joined, prompt and remarks taken off."""
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(blocks(page)))
    lines = (re.split(r" {3,}|  #", line.strip().removeprefix("$ "))[0] for line in joined.splitlines())
    return [line for line in lines if line.startswith(f"{program} ")]


def commands_in_sentences(page: Path, program: str) -> list[str]:
    """What stands in a sentence as `program word ...`."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(found.split()) for found in re.findall(rf"(?<!`)`({program} [^`]+)`", text)]


def python_blocks(page: Path) -> list[str]:
    """Its blocks that are Python, which import something; the cells of a notebook that are not a shell's."""
    if page.suffix == ".ipynb":
        return [text for kind, text in cells(page) if kind == "code" and not text.startswith("%%")]
    return [block for block in blocks(page) if re.search(r"^(import|from) \w+", block, re.MULTILINE)]
