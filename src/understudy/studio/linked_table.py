"""LinkedTable: rows that can be sorted, searched and ticked, each with a link; fed again, it keeps ticks and place."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

Row = Mapping[str, Any]
# keys that the table leaves to the browser: Tab goes from link to link, and Enter follows one, as on any page
_LEFT_TO_LINKS = "params => ['Tab', 'Enter'].includes(params.event.key)"
# what the library's table is told for a column of numbers
NUMBER: dict[str, Any] = {"type": "rightAligned"}


class LinkedTable:
    """A table over `columns` (the library's own definitions). Every row has a `key`, which no other row has.

    The first column holds what `link` makes: HTML, in which names are escaped. ticks: whether rows can be ticked.
    """

    def __init__(self, columns: Sequence[dict[str, Any]], *, ticks: bool = False, height: str = "h-[75vh]") -> None:
        options: dict[str, Any] = {
            "columnDefs": [dict(column) for column in columns],
            "defaultColDef": {"sortable": True, "resizable": True, ":suppressKeyboardEvent": _LEFT_TO_LINKS},
            "rowData": [],
            ":getRowId": "params => params.data.key",
            "animateRows": False,
            "ensureDomOrder": True,
        }
        if ticks:
            options["rowSelection"] = {"mode": "multiRow", "enableClickSelection": False}
        self._grid = ui.aggrid(options, html_columns=[0], auto_size_columns=False).classes(f"w-full {height}")
        self._shown: dict[str, Row] = {}

    def show(self, rows: Sequence[Row]) -> None:
        """Send what has changed since the last time, and that alone."""
        new = {str(row["key"]): row for row in rows}
        change = {
            "add": [row for key, row in new.items() if key not in self._shown],
            "update": [row for key, row in new.items() if key in self._shown and self._shown[key] != row],
            "remove": [row for key, row in self._shown.items() if key not in new],
        }
        if any(change.values()):
            self._grid.run_grid_method("applyTransaction", change)
            self._shown = new

    def search(self, words: str) -> None:
        """Show the rows alone that have all these words."""
        self._grid.run_grid_method("setGridOption", "quickFilterText", words)

    async def ticked(self) -> list[str]:
        """The keys of the ticked rows."""
        return [str(row["key"]) for row in await self._grid.get_selected_rows()]


def link(name: str, target: str) -> str:
    """A link in a cell."""
    return f'<a class="underline" href="{html.escape(target)}">{html.escape(name)}</a>'
