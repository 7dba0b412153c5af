"""The site: the Markdown of this folder, and a reference made from the code. `make docs` builds it into build/docs.

Sphinx, MyST and Furo: maintained for years by many, BSD and MIT, and the pages need no fetched font or script, so they
read from a disk. A link or a reference that leads nowhere is a warning, and a warning fails the build. The pages
themselves stay plain Markdown with relative links, for a code host: what only the site has (navigation, reference) is
added here.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import partialmethod
from pathlib import Path

from nbclient import NotebookClient

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
# cells of the notebook call the program by its name
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])

from generate.pages import PAGES, write_pages  # noqa: E402
from understudy import __version__  # noqa: E402

write_pages(HERE / "reference")

project, author, release = "Understudy", "the Understudy project", __version__
project_copyright = "Apache-2.0"
extensions = ["myst_nb"]
exclude_patterns = ["generate"]
nitpicky = True
smartquotes = False  # it would make a dash of the two of an option

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4

# the notebook is executed at every build; quick builds: make docs DOCS_ARGS="-D nb_execution_mode=off"
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True
# what one command prints arrives in pieces of some length; myst-nb would begin a new line at each
NotebookClient.__init__ = partialmethod(NotebookClient.__init__, coalesce_streams=True)

html_theme = "furo"
html_title = "Understudy"
html_show_copyright = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}

# what comes first is said here; the rest of a folder follows by name
NAVIGATION = {
    "Begin": ["notebooks/first_policy"],
    "Guides": [
        *(f"guides/{name}" for name in ("train", "reading-a-run", "evaluate", "compare", "doctor", "from-lerobot")),
        "guides/*",
    ],
    "Concepts": ["concepts/architecture", "concepts/*"],
    "Reference": [f"reference/{name}" for name in PAGES],
    "Evidence": ["evidence/*"],
}


def with_navigation(app: object, docname: str, source: list[str]) -> None:
    """The landing page with the tables of contents that the sidebar shows."""
    if docname == "index":
        for caption, pages in NAVIGATION.items():
            entries = "\n".join(pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{entries}\n```\n"


def setup(app: object) -> None:
    """Sphinx's entry."""
    app.connect("source-read", with_navigation)  # type: ignore[attr-defined]
