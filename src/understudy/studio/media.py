"""Files that pages show, served by name: videos and pictures of evaluations, reports, frames of episodes.

Only these kinds, and only from the served folders. A report is somebody's HTML: it is shown without scripts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import FileResponse, PlainTextResponse, Response

from understudy.core.errors import UnderstudyError

from .film import jpeg
from .layout import found
from .studio import Studio

Look = Callable[[Studio, Path, int, str, int], bytes | None]

_KINDS = {".mp4": "video/mp4", ".png": "image/png", ".html": "text/html; charset=utf-8"}
_NO_SCRIPTS = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def media_link(studio: Studio, path: Path, page: str = "/media?path=") -> str:
    """The link to a file below the served folders. Raises Outside for another one."""
    return page + quote(studio.places.name(path.resolve()), safe="")


def frame_link(dataset: str, episode: int, camera: str, frame: int) -> str:
    """The link to a frame; `dataset` as Places names it, `episode` its position."""
    return f"/frame?dataset={quote(dataset, safe='')}&episode={episode}&camera={quote(camera, safe='')}&frame={frame}"


def still_link(dataset: str, episode: int, camera: str, frame: int) -> str:
    """The link to a frame that is decoded alone, for those who do not want the whole episode."""
    return frame_link(dataset, episode, camera, frame).replace("/frame?", "/still?", 1)


def register(studio: Studio, application: FastAPI) -> None:
    """Serve /media, /frame and /still."""

    @application.get("/media")
    def media(path: str = "") -> Response:
        place = found(studio, path)
        kind = _KINDS.get(place.suffix)
        if kind is None or not place.is_file():
            return PlainTextResponse("no picture, video or report\n", 404)
        return FileResponse(place, media_type=kind, headers={"content-security-policy": _NO_SCRIPTS})

    @application.get("/frame")
    async def frame(dataset: str = "", episode: int = 0, camera: str = "", frame: int = 0) -> Response:
        return await _answer(_of_film, studio, found(studio, dataset), episode, camera, frame)

    @application.get("/still")
    async def still(dataset: str = "", episode: int = 0, camera: str = "", frame: int = 0) -> Response:
        return await _answer(_alone, studio, found(studio, dataset), episode, camera, frame)


async def _answer(look: Look, studio: Studio, dataset: Path, episode: int, camera: str, frame: int) -> Response:
    try:
        picture = await asyncio.to_thread(look, studio, dataset, episode, camera, frame)
    except (UnderstudyError, IndexError) as error:
        return PlainTextResponse(f"{error}\n", 404)
    if picture is None:
        return PlainTextResponse("no such frame, or it is not decoded yet\n", 404, {"cache-control": "no-store"})
    return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})


def _of_film(studio: Studio, dataset: Path, episode: int, camera: str, frame: int) -> bytes | None:
    return studio.films.open(dataset, episode).frame(camera, frame)


def _alone(studio: Studio, dataset: Path, episode: int, camera: str, frame: int) -> bytes | None:
    loaded = studio.datasets.load(dataset)
    if camera not in loaded.spec.cameras or not 0 <= episode < len(loaded.episodes):
        return None
    chosen = loaded.episodes[episode]
    return jpeg(loaded.read_frame(camera, chosen.start + frame)) if 0 <= frame < chosen.length else None
