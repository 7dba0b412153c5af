"""What every page has: the head with its links and the theme, the way to the content, and errors said in words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nicegui import ui
from starlette.exceptions import HTTPException

from understudy.core.errors import ConfigError, UnderstudyError
from understudy.report.palette import BLUE

from .places import Outside
from .studio import Studio

_LINKS = {"Runs": "/", "Datasets": "/datasets", "Doctor": "/doctor"}
_THEMES: tuple[tuple[bool | None, str, str], ...] = (
    (None, "brightness_auto", "as the browser has it"),
    (False, "light_mode", "light"),
    (True, "dark_mode", "dark"),
)


@contextlib.contextmanager
def page(studio: Studio, title: str) -> Iterator[None]:
    """The frame of a page; what is built inside is its content."""
    ui.page_title(f"{title} · Understudy")
    ui.colors(primary=BLUE)
    dark = ui.dark_mode(studio.dark)
    content = ui.column().classes("w-full max-w-7xl mx-auto gap-4").props("role=main")
    with ui.header(elevated=False).classes("items-center gap-1 px-4 py-1 wrap"):
        ui.label("Understudy").classes("text-lg font-medium mr-2")
        for name, target in _LINKS.items():
            ui.link(name, target).classes("text-white no-underline hover:underline px-2 py-1")
        ui.space()
        _theme_button(studio, dark)
    ui.skip_link(target=content)
    with content:
        yield


def _theme_button(studio: Studio, dark: ui.dark_mode) -> None:
    def show() -> None:
        _, icon, words = next(theme for theme in _THEMES if theme[0] == studio.dark)
        button.props(f'icon={icon} aria-label="theme: {words}; change"')

    def change() -> None:
        values = [value for value, _, _ in _THEMES]
        studio.dark = values[(values.index(studio.dark) + 1) % len(values)]
        dark.set_value(studio.dark)
        show()

    button = ui.button(on_click=change).props("flat round dense color=white")
    show()


def found(studio: Studio, name: str) -> Path:
    """The path that a link names. Raises HTTPException: 403 outside the served folders, 404 where nothing is."""
    try:
        return studio.places.find(name)
    except Outside as error:
        raise HTTPException(403, error.what) from error
    except ConfigError as error:
        raise HTTPException(404, error.what) from error


@contextlib.contextmanager
def errors_shown() -> Iterator[None]:
    """What goes wrong inside is said on the page, where it would have stood."""
    try:
        yield
    except (UnderstudyError, OSError) as error:
        trouble(error)


def trouble(error: Exception) -> None:
    """An error in words, read out by screen readers."""
    with ui.card().classes("w-full border-l-4 border-red-700").props("flat bordered role=alert"):
        ui.label(str(error)).classes("whitespace-pre-wrap")


def heading(text: str) -> None:
    """A heading that screen readers know as one."""
    ui.label(text).classes("text-xl font-medium mt-2").props('role=heading aria-level="2"')


def facts(pairs: Mapping[str, Any]) -> None:
    """Names and values in a grid; what has no value is left out."""
    with ui.grid(columns="auto 1fr").classes("gap-x-6 gap-y-1"):
        for name, value in pairs.items():
            if value not in (None, ""):
                ui.label(name).classes("opacity-70")
                ui.label(str(value)).classes("break-words min-w-0")


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A small table of text and numbers."""
    names = [{"name": str(i), "label": c, "field": str(i), "align": "left"} for i, c in enumerate(columns)]
    cells = [{str(i): value for i, value in enumerate(row)} | {"id": n} for n, row in enumerate(rows)]
    ui.table(columns=names, rows=cells, row_key="id").props("flat bordered dense wrap-cells").classes("w-full")
