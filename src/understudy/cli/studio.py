"""`understudy studio [FOLDER]`: a web page over runs and datasets, on this machine alone."""

from __future__ import annotations

import importlib.util
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError


class StudioOptions(Options):
    """Shows runs live, compares them, plays episodes and asks the doctor, on a page that only this machine can open."""

    folder: Path | None = Field(None, description="folder that holds runs and datasets; null: outputs, else this one")
    datasets: list[Path] = Field([], description="more folders that may be shown, as '[recordings, /data/robot]'")
    port: int = Field(8420, ge=0, le=65535, description="where it is served; the next free one when taken; 0: any")
    open: bool = Field(True, description="open the page in a browser")


def run(arguments: Sequence[str]) -> int:
    """The verb; it ends with Ctrl-C."""
    options = parse_options(StudioOptions, arguments, positionals=["folder"], verb="studio")
    if importlib.util.find_spec("nicegui") is None:
        raise ConfigError(
            "the studio needs the package nicegui", hint="pip install 'understudy[studio]' brings it along"
        )
    from understudy.studio.places import serve
    from understudy.studio.server import open_socket, run_server

    folder = options.folder or (Path("outputs") if Path("outputs").is_dir() else Path())
    places = serve([folder, *options.datasets])
    listening = open_socket(options.port)

    def started(link: str) -> None:
        log.say(f"{'studio':<10} {', '.join(map(str, places.roots))}\n{'page':<10} {link}\n{'stop':<10} Ctrl-C")
        if options.open:
            webbrowser.open(link)

    run_server(places, listening, started)
    return 0
