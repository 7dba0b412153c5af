"""The studio's web server: the pages of a Studio behind its gate, on this machine's own address alone."""

from __future__ import annotations

import importlib
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from understudy.core.errors import ConfigError

from .gate import Gate
from .places import Places

HOST = "127.0.0.1"
# how many ports after the one that was asked for are tried
_TRIES = 20


def open_socket(port: int) -> socket.socket:
    """A listening socket on `port`, or on one of the next ones when it is taken; 0: any. Raises ConfigError."""
    last = port if port == 0 else port + _TRIES
    for candidate in range(port, last + 1):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, candidate))
        except OSError:
            listening.close()
            continue
        return listening
    raise ConfigError(
        f"the ports {port} to {last} are taken", where="--port", hint="name another one: --port=0 takes any"
    )


def run_server(places: Places, listening: socket.socket, started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `started` is called once, with the link."""
    # where the library would keep what pages store: not in the folder one happens to be in, though these store nothing
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(Path(tempfile.gettempdir()) / "understudy-studio"))
    import uvicorn
    from fastapi import FastAPI
    from nicegui import ui

    from . import media
    from .pages import register_all
    from .studio import Studio

    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    studio = Studio(places)
    media.register(studio, application)
    register_all(studio)
    ui.run_with(application, title="Understudy", reconnect_timeout=30, show_welcome_message=False)
    token, port = secrets.token_urlsafe(24), listening.getsockname()[1]
    config = uvicorn.Config(Gate(application, token, port), log_level="warning", server_header=False, date_header=False)
    threading.Thread(target=_import_what_pages_need, daemon=True).start()
    # listening already, so that a browser which is faster than the server waits instead of failing
    listening.listen(128)
    started(f"http://{HOST}:{port}/?token={token}")
    uvicorn.Server(config).run(sockets=[listening])


def _import_what_pages_need() -> None:
    """While the first page is fetched, so that the first run that is opened does not wait for it."""
    for name in ("understudy.train.config", "understudy.train.report", "understudy.train.side_by_side"):
        importlib.import_module(name)
