"""The doctor: choose a dataset or a run, or name a file below the served folders, and read what it found."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nicegui import ui

from understudy.core.errors import UnderstudyError

from ..findings_view import FrameLinks, show_diagnosis
from ..layout import errors_shown, found, heading, page
from ..media import still_link
from ..studio import Studio
from .datasets import episode_link


def register(studio: Studio) -> None:
    """Serve the page at /doctor, and with ?target=... the answer for it."""

    @ui.page("/doctor")
    def doctor_page(target: str = "") -> None:
        chosen = found(studio, target) if target else None
        with page(studio, "Doctor"):
            DoctorView(studio, chosen)


class DoctorView:
    """The content of the page."""

    def __init__(self, studio: Studio, chosen: Path | None) -> None:
        self._studio = studio
        heading("What shall be looked at?")
        with ui.row().classes("w-full items-center gap-4"):
            self._target = ui.input("Dataset, run or log file", value=str(chosen or "")).props("outlined dense")
            self._target.classes("grow").on("keydown.enter", self._ask)
            self._pictures = ui.switch("Look at pictures too", value=True)
            ui.button("Ask", on_click=self._ask).props("no-caps")
        ui.label(f"A path below {', '.join(str(root) for root in studio.places.roots)}").classes("opacity-70")
        self._answer = ui.column().classes("w-full gap-2")
        if chosen is not None:
            ui.timer(0.05, self._ask, once=True)

    async def _ask(self) -> None:
        from understudy.diagnose.target import diagnose

        self._answer.clear()
        with self._answer, errors_shown():
            path = self._studio.places.check(self._absolute())
            waiting = ui.row().classes("items-center gap-2")
            with waiting:
                ui.spinner()
                ui.label("Looking ...").props("role=status")
            try:
                diagnosis = await asyncio.to_thread(diagnose, path, pictures=self._pictures.value)
            finally:
                waiting.delete()
            show_diagnosis(diagnosis, self._frames(path) if diagnosis.kind == "dataset" else None)

    def _frames(self, path: Path) -> FrameLinks | None:
        """Where the pictures of a dataset are; None where it cannot be read."""
        try:
            dataset = self._studio.datasets.load(path)
        except UnderstudyError:
            return None
        name, camera = self._studio.places.name(path), next(iter(dataset.spec.cameras), "")
        places = {episode.index: position for position, episode in enumerate(dataset.episodes)}

        def links(episode: int, frame: int | None) -> tuple[str, str]:
            position = places[episode]
            shown = dataset.episodes[position].length // 2 if frame is None else frame
            return still_link(name, position, camera, shown) if camera else "", episode_link(name, position, shown)

        return links

    def _absolute(self) -> Path:
        """What was typed; where it is relative, below the first served folder that has it."""
        typed = Path(self._target.value.strip()).expanduser()
        below = [root / typed for root in self._studio.places.roots]
        return next((path for path in below if path.exists()), below[0])
