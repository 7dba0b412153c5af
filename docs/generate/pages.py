"""All pages of the reference, and how they are written.

python -m generate.pages docs/reference      (from the folder docs; the site's build does it by itself)
"""

from __future__ import annotations

import sys
from pathlib import Path

from .environments import environment_pages
from .errors import error_pages
from .events import event_pages
from .policies import policy_pages
from .python_api import python_pages
from .rules import rule_pages
from .verbs import verb_pages

# in the order in which the site shows them
PAGES = ("python", "train", "policies", "verbs", "environments", "doctor", "events", "errors")


def all_pages() -> dict[str, str]:
    """File name -> Markdown."""
    makers = (python_pages, verb_pages, policy_pages, environment_pages, rule_pages, event_pages, error_pages)
    pages = {name: page for make in makers for name, page in make().items()}
    return {f"{name}.md": pages.pop(f"{name}.md") for name in PAGES}


def write_pages(folder: Path) -> None:
    """Write every page into `folder`, those that changed alone, so that a second build is quick."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = all_pages()
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, page in pages.items():
        path = folder / name
        if not path.exists() or path.read_text() != page:
            path.write_text(page)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
