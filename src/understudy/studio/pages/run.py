"""A run: its curves as they grow, what the doctor says, checkpoints, evaluations with videos, and its configuration."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nicegui import ui

from understudy.core.events import Event
from understudy.core.files import json_or_empty
from understudy.core.lineage import read_lineage
from understudy.core.run_folder import RunFolder
from understudy.core.units import readable_bytes, readable_duration
from understudy.report.events import number
from understudy.report.judgements import Judgement, read_judgements, told
from understudy.report.page_training import facts_at_start

from ..chart_view import ChartView
from ..event_log import MOST_LINES
from ..findings_view import findings_list
from ..layout import errors_shown, facts, found, heading, page, plain_table
from ..media import media_link
from ..panels import panels_of
from ..run_list import read_row
from ..studio import Studio

# a live run is looked at so often; what it logged is on the page within two seconds
LOOK_EVERY_S = 1.0


def register(studio: Studio) -> None:
    """Serve the page at /run?path=..."""

    @ui.page("/run")
    async def run_page(path: str = "") -> None:
        folder = found(studio, path)
        # a long log is read while the browser still fetches the page
        asyncio.get_running_loop().run_in_executor(None, studio.log(folder).read_on)
        with page(studio, folder.name):
            RunView(studio, RunFolder(folder))


class RunView:
    """The content of the page of one run."""

    def __init__(self, studio: Studio, folder: RunFolder) -> None:
        self._studio, self._folder = studio, folder
        self._log = studio.log(folder.path)
        self._between: tuple[float, float] | None = None
        self._drawn = -1
        self._made_from: dict[str, Any] = {}
        ui.label(studio.places.name(folder.path).partition("/")[2] or folder.path.name).classes("text-2xl break-all")
        self._state = ui.label("Reading ...").props("role=status aria-live=polite")
        facts_part = ui.element("div")
        with ui.row().classes("gap-4"):
            ui.link("Ask the doctor", f"/doctor?target={media_link(studio, folder.path, page='')}")
            if (folder.path / "report.html").exists():
                ui.link("Report", media_link(studio, folder.path / "report.html"), new_tab=True)
        self._charts = ChartView(self._zoomed, ("Loss",) if folder.events.exists() else ())
        self._note = ui.label().classes("opacity-70")
        names = ("findings", "checkpoints", "evaluations", "configuration")
        self._parts = {"facts": facts_part} | {name: ui.column().classes("w-full gap-2") for name in names}
        ui.timer(LOOK_EVERY_S, self._look)

    async def _look(self) -> None:
        """Read on; draw again what has changed. The state may change without a line being written."""
        await asyncio.to_thread(self._log.read_on)
        if self._log.read != self._drawn:
            await self._draw()
        self._tell()
        row = read_row(self._folder.path, time.time())
        total = f" of {row.steps:,}" if row.steps else ""
        took = f", {readable_duration(row.seconds)}" if row.seconds else ""
        words = {"silent": "it stopped without saying why (killed, or the machine went down)"}.get(row.state, row.state)
        self._state.set_text(f"{words}: step {row.step:,}{total}{took}")

    async def _zoomed(self, title: str, between: tuple[float, float]) -> None:
        if self._log.is_sampled():
            self._between = between
            await self._draw()

    async def _draw(self) -> None:
        """The curves."""
        self._drawn = self._log.read
        self._charts.show(panels_of(await asyncio.to_thread(self._log.history, self._between)))
        if self._log.is_sampled():
            self._note.set_text(
                f"Of {self._log.count('step'):,} logged steps {MOST_LINES:,} are drawn, evenly spaced. "
                "Zoom in, and those between are read."
            )

    def _tell(self) -> None:
        """The parts in words and tables, each made again when what it was made from has changed."""
        told = self._log.others
        started = next((event for event in told if event["event"] == "run_started"), {})
        findings = [event for event in told if event["event"] == "finding"]
        saved = [event for event in told if event["event"] == "checkpoint"]
        judged = sorted((str(path), path.stat().st_mtime_ns) for path in self._folder.eval.glob("*/summary.json"))
        self._renew("facts", started, lambda: _facts(started, self._folder))
        self._renew("findings", findings, lambda: _findings(findings))
        self._renew("checkpoints", saved, lambda: _checkpoints(saved))
        self._renew("evaluations", judged, lambda: _evaluations(self._studio, self._folder))
        self._renew("configuration", self._folder.config.exists(), lambda: _configuration(self._folder))

    def _renew(self, part: str, made_from: Any, make: Callable[[], None]) -> None:
        if self._made_from.get(part) != made_from:
            self._made_from[part] = made_from
            self._parts[part].clear()
            with self._parts[part], errors_shown():
                make()


def _findings(told: Sequence[Event]) -> None:
    if told:
        heading("What the doctor said while it trained")
        findings_list(told)


def _facts(started: Event, folder: RunFolder) -> None:
    told = facts_at_start(started, json_or_empty(folder.config), json_or_empty(folder.split), read_lineage(folder))
    # the report's words are Markdown; here they are shown as they are
    plain = {name.capitalize(): said.replace("`", "") for name, said in told.items()}
    facts({**plain, "Command": started.get("command")})


def _checkpoints(saved: Sequence[Event]) -> None:
    if not saved:
        return
    heading("Checkpoints")
    plain_table(
        ["Step", "Why", "Size", "Folder"],
        [
            [
                f"{int(number(event.get('step')) or 0):,}",
                ", ".join(map(str, event.get("reasons") or [event.get("reason", "")])),
                readable_bytes(number(event.get("bytes")) or 0),
                str(event.get("path", "")),
            ]
            for event in saved[-20:]
        ],
    )


def _evaluations(studio: Studio, folder: RunFolder) -> None:
    judged = read_judgements(folder)
    whole = [*judged.simulated, *judged.recorded]
    if not whole and not judged.damaged:
        return
    heading("Evaluations")
    for path in judged.damaged:
        ui.label(f"{path.parent.name}: its summary.json is damaged, and left out")
    plain_table(["What", "Result"], [_result(judgement) for judgement in whole])
    with ui.row().classes("w-full gap-4"):
        for video in [video for judgement in whole for video in _videos(judgement.path)]:
            with ui.column().classes("gap-1 w-80"):
                ui.video(media_link(studio, video)).props('preload="metadata"').classes("w-full")
                ui.label(f"{video.parent.name}/{video.stem}").classes("text-sm opacity-70 break-all")


def _result(judgement: Judgement) -> list[str]:
    summary = judgement.summary
    if judgement.simulated:
        return [f"{judgement.who} in {summary['env']}", told(summary)]
    errors = [error for value in summary["action_mae"].values() if (error := number(value)) is not None]
    mean = f"mean action error {sum(errors) / len(errors):.4g}, " if errors else ""
    words = f", told “{judgement.task}”" if judgement.task else ""
    return [f"held-out episodes{words}", f"{mean}{number(summary['frames']) or 0:,.0f} frames"]


def _videos(folder: Path, most: int = 12) -> list[Path]:
    return sorted([*folder.glob("*.mp4"), *folder.glob("videos/*.mp4")])[:most]


def _configuration(folder: RunFolder) -> None:
    from understudy.train.report import changed_options

    config = json_or_empty(folder.config)
    if not config:
        return
    heading("Options that differ from their defaults")
    rows = [[name, _shown(value), _shown(default)] for name, value, default in changed_options(config)]
    if rows:
        plain_table(["Option", "Value", "Default"], rows)
    with ui.expansion("The complete configuration").classes("w-full"):
        ui.code(json.dumps(config, indent=2), language="json").classes("w-full")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
