"""The first page: every run in one table that can be searched and sorted; ticked ones are compared."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from nicegui import ui

from understudy.core.units import readable_duration

from ..layout import page
from ..linked_table import NUMBER, LinkedTable, link
from ..run_list import RunRow
from ..studio import Studio

LOOK_EVERY_S = 1.5
_COLUMNS: list[dict[str, Any]] = [
    {"headerName": "Run", "field": "run", "flex": 3, "minWidth": 190},
    {"headerName": "State", "field": "state", "width": 112},
    {"headerName": "Policy", "field": "policy", "width": 120},
    {"headerName": "Dataset", "field": "dataset", "flex": 2, "minWidth": 120},
    {"headerName": "Step", "field": "step", "width": 100, **NUMBER},
    {"headerName": "Done", "field": "done", "width": 86, **NUMBER},
    {"headerName": "Loss", "field": "loss", "width": 96, **NUMBER},
    {"headerName": "Held-out error", "field": "held_out", "width": 130, **NUMBER},
    {"headerName": "Success", "field": "success", "width": 100, **NUMBER},
    {"headerName": "Began", "field": "began", "width": 140, "sort": "desc"},
    {"headerName": "Time", "field": "time", "width": 100},
]


def register(studio: Studio) -> None:
    """Serve the page at /."""

    @ui.page("/")
    async def runs_page() -> None:
        with page(studio, "Runs"):
            with ui.row().classes("w-full items-center gap-4"):
                search = ui.input("Search runs").props("outlined dense clearable type=search").classes("grow")
                compare = ui.button("Compare ticked").props("icon=compare_arrows no-caps").classes("shrink-0")
            told = ui.label("Looking for runs ...").props("role=status")
            table = LinkedTable(_COLUMNS, ticks=True)

            def searched() -> None:
                table.search(search.value or "")

            async def compared() -> None:
                ticked = await table.ticked()
                if len(ticked) < 2:
                    ui.notify("Tick two runs or more in the table.")
                    return
                ui.navigate.to("/compare?runs=" + quote("|".join(ticked), safe=""))

            async def look() -> None:
                rows = await asyncio.to_thread(studio.runs.rows)
                table.show([row_of(studio, row) for row in rows])
                live = sum(row.state == "running" for row in rows)
                runs = "1 run" if len(rows) == 1 else f"{len(rows):,} runs"
                told.set_text(f"{runs}, {live} running" if rows else _nothing(studio))

            search.on_value_change(searched)
            compare.on_click(compared)
            ui.timer(LOOK_EVERY_S, look)


def row_of(studio: Studio, row: RunRow) -> dict[str, Any]:
    """A row as the table holds it."""
    from datetime import datetime

    key = studio.places.name(row.path)
    root = next(root for root in studio.places.roots if row.path.is_relative_to(root))
    name = row.path.relative_to(root).as_posix() if row.path != root else row.path.name
    return {
        "key": key,
        "run": link(name, f"/run?path={quote(key, safe='')}"),
        "state": row.state,
        "policy": row.policy,
        "dataset": row.dataset,
        "step": row.step,
        "done": f"{100 * row.step / row.steps:.0f} %" if row.steps else "",
        "loss": _digits(row.loss),
        "held_out": _digits(row.held_out),
        "success": "" if row.success is None else f"{row.success[0]}/{row.success[1]}",
        "began": datetime.fromtimestamp(row.began).strftime("%Y-%m-%d %H:%M") if row.began else "",
        "time": readable_duration(row.seconds) if row.seconds is not None else "",
    }


def _digits(value: float | None) -> float | None:
    """Four digits are enough for a table; a number stays one, so that it sorts as one."""
    return None if value is None or value != value else float(f"{value:.4g}")


def _nothing(studio: Studio) -> str:
    places = ", ".join(str(root) for root in studio.places.roots)
    return f"No runs in {places} yet. `understudy train --output_dir=...` makes one; it appears here by itself."
