"""Runs side by side: their curves in one chart each, the options that differ, their evaluations, and who is better."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nicegui import ui

from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder
from understudy.report.judgements import read_judgements, told

from ..chart_view import ChartView
from ..layout import errors_shown, found, heading, page, plain_table
from ..media import media_link
from ..panels import panels_of, side_by_side
from ..studio import Studio
from .run import LOOK_EVERY_S


def register(studio: Studio) -> None:
    """Serve the page at /compare?runs=...|..."""

    @ui.page("/compare")
    def compare_page(runs: str = "") -> None:
        folders = list(dict.fromkeys(found(studio, name) for name in runs.split("|") if name))
        with page(studio, "Compare"):
            if len(folders) < 2:
                ui.label("Tick two runs or more in the table of runs.")
                return
            CompareView(studio, folders)


class CompareView:
    """The content of the page."""

    def __init__(self, studio: Studio, folders: list[Path]) -> None:
        from understudy.train.side_by_side import names_of

        self._folders = [RunFolder(folder) for folder in folders]
        self._names = names_of(folders)
        self._logs = [studio.log(folder) for folder in folders]
        self._drawn: list[int] = []
        with ui.row().classes("gap-4"):
            for name, folder in zip(self._names, folders, strict=True):
                ui.link(name, media_link(studio, folder, page="/run?path="))
        self._charts = ChartView()
        _options(self._names, self._folders)
        _evaluations(self._names, self._folders)
        ui.timer(LOOK_EVERY_S, self._look)

    async def _look(self) -> None:
        for log in self._logs:
            await asyncio.to_thread(log.read_on)
        read = [log.read for log in self._logs]
        if read != self._drawn:
            self._drawn = read
            told = {
                name: panels_of(await asyncio.to_thread(log.history))
                for name, log in zip(self._names, self._logs, strict=True)
            }
            self._charts.show(side_by_side(told))


def _options(names: list[str], folders: list[RunFolder]) -> None:
    from understudy.train.side_by_side import differing_options

    heading("Options that differ")
    differing = differing_options([json_or_empty(folder.config) for folder in folders])
    if not differing:
        ui.label("None: these runs have one configuration.")
        return
    plain_table(["Option", *names], [[name, *values] for name, values in differing.items()])


def _evaluations(names: list[str], folders: list[RunFolder]) -> None:
    from understudy.train.side_by_side import paired_lines

    rates = [
        [name, judgement.who, str(judgement.summary["env"]), told(judgement.summary)]
        for name, folder in zip(names, folders, strict=True)
        for judgement in read_judgements(folder).simulated
    ]
    if not rates:
        return
    heading("Success in simulation")
    plain_table(["Run", "Who", "Task", "Success"], rates)
    with errors_shown():
        lines = paired_lines([folder.path for folder in folders], names)
        if lines:
            ui.label("\n".join(lines)).classes("whitespace-pre font-mono text-sm overflow-x-auto w-full")
