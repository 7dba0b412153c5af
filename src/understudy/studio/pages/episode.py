"""The player of an episode: its cameras in step with the curves of its joints, and what a policy predicts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from nicegui import ui
from nicegui.events import KeyEventArguments

from understudy.core.errors import UnderstudyError
from understudy.data.spec import ACTION, STATE

from ..joint_chart import at_frame, joint_options, with_prediction
from ..layout import errors_shown, found, page
from ..media import frame_link, media_link
from ..studio import Studio
from .datasets import episode_link

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

# pictures a second that are sent to the page; faster recordings are shown with frames left out, at their own pace
_RATE = 15.0
_JOINTS_AT_FIRST = 6


def register(studio: Studio) -> None:
    """Serve the page at /episode?dataset=...&episode=...&frame=..."""

    @ui.page("/episode")
    def episode_page(dataset: str = "", episode: int = 0, frame: int = 0) -> None:
        folder = found(studio, dataset)
        with page(studio, f"Episode of {folder.name}"):
            content = ui.column().classes("w-full gap-4")
            with content:
                ui.label("Reading ...").props("role=status")

            async def load() -> None:
                with content, errors_shown():
                    loaded = await asyncio.to_thread(studio.datasets.load, folder)
                    content.clear()
                    if 0 <= episode < len(loaded.episodes):
                        Player(studio, folder, loaded, episode, frame)
                    else:
                        ui.label(f"There is no episode at position {episode}: there are {len(loaded.episodes):,}.")

            ui.timer(0.05, load, once=True)


class Player:
    """The content of the page. Space plays and stops, the arrow keys step, Home and End go to either end."""

    def __init__(self, studio: Studio, folder: Path, dataset: Dataset, position: int, frame: int) -> None:
        self._studio, self._folder, self._dataset, self._position = studio, folder, dataset, position
        self._episode = dataset.episodes[position]
        self._film = studio.films.open(folder, position)
        self._name = studio.places.name(folder)
        self._frame = 0
        self._playing_since: tuple[float, int] | None = None
        self._asking = False
        self._told_ready = 0
        self._head()
        with ui.row().classes("w-full gap-4 justify-start"):
            self._pictures = {camera: self._picture(camera) for camera in dataset.spec.cameras}
        self._controls()
        self._names = self._joint_names()
        self._columns = list(range(min(_JOINTS_AT_FIRST, len(self._names))))
        self._choice()
        self._chart = ui.echart(self._options(), renderer="svg").classes("w-full h-96")
        self._chart.props('role=img aria-label="state and action of the joints"')
        self._said = ui.label().classes("whitespace-pre-wrap").props("role=status")
        ui.keyboard(self._key)
        ui.timer(1 / _RATE, self._tick)
        self._go(min(max(frame, 0), self._episode.length - 1))

    def _head(self) -> None:
        episodes = self._dataset.episodes
        with ui.row().classes("items-center gap-4 w-full"):
            ui.label(f"Episode {self._episode.index}").classes("text-2xl")
            ui.label(f"{self._episode.length:,} frames, {'; '.join(self._episode.tasks)}").classes("opacity-70")
            ui.space()
            for words, other in (("Previous", self._position - 1), ("Next", self._position + 1)):
                if 0 <= other < len(episodes):
                    ui.link(f"{words} episode", episode_link(self._name, other))
            ui.link("The dataset", media_link(self._studio, self._folder, page="/dataset?path="))

    def _picture(self, camera: str) -> ui.interactive_image:
        with ui.column().classes("gap-1 w-full sm:w-80 lg:w-96"):
            picture = ui.interactive_image().classes("w-full")
            picture.props["alt"] = camera
            ui.label(camera).classes("text-sm opacity-70")
        return picture

    def _controls(self) -> None:
        with ui.row().classes("w-full items-center gap-4 no-wrap"):
            self._button = ui.button(on_click=self._play_or_stop).props('round icon=play_arrow aria-label="play"')
            self._slider = ui.slider(min=0, max=max(0, self._episode.length - 1), on_change=self._slid)
            self._slider.props('aria-label="frame"')
            self._told = ui.label().classes("w-44 shrink-0 text-right").props("role=timer")
            self._speed = ui.select({0.25: "1/4", 0.5: "1/2", 1.0: "1", 2.0: "2", 4.0: "4"}, value=1.0, label="Speed")
            self._speed.classes("w-20 shrink-0").on_value_change(self._pace_changed)

    def _choice(self) -> None:
        with ui.row().classes("w-full items-center gap-4"):
            self._joints = ui.select(
                dict(enumerate(self._names)), value=self._columns, multiple=True, label="Joints", on_change=self._chosen
            )
            self._joints.classes("grow").props("use-chips")
            runs = [self._studio.places.name(row.path) for row in self._studio.runs.rows()]
            named = {name: name.partition("/")[2] for name in runs}
            self._policy = ui.select(named, label="Prediction of the run", with_input=True, clearable=True)
            self._policy.classes("w-96").on_value_change(self._predict)

    def _joint_names(self) -> list[str]:
        """Of the action where there is one; a joint that has no name is called by its number."""
        key = ACTION if ACTION in self._dataset.columns else STATE
        return self._names_of(key) if key in self._dataset.columns else []

    def _names_of(self, key: str) -> list[str]:
        feature = self._dataset.spec.features.get(key)
        told = list(feature.names or []) if feature is not None else []
        count = self._values(key).shape[1]
        return [str(told[i]) if i < len(told) else f"joint {i}" for i in range(count)]

    def _values(self, key: str) -> np.ndarray:
        start = self._episode.start
        return self._dataset.columns[key][start : start + self._episode.length]

    def _options(self) -> dict[str, Any]:
        """State and action of the chosen joints: of either those that it has."""
        curves = {}
        for key, words in ((ACTION, "action"), (STATE, "state")):
            if key in self._dataset.columns:
                names, values = self._names_of(key), self._values(key)
                curves[words] = {c: (names[c], values[:, c]) for c in self._columns if c < len(names)}
        drawn = [values for joints in curves.values() for _, values in joints.values()]
        self._reach = (float(min(map(np.min, drawn))), float(max(map(np.max, drawn)))) if drawn else (0.0, 1.0)
        return joint_options([self._names[column] for column in self._columns], self._columns, curves)

    async def _chosen(self) -> None:
        self._columns = sorted(self._joints.value or [])
        self._chart.options.clear()
        self._chart.options.update(self._options())
        self._chart.update()
        self._go(self._frame)
        await self._predict()

    # -- time -----------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Go on while playing, as far as the film is decoded."""
        if self._playing_since is None:
            if self._told_ready < self._film.ready or self._film.error:
                self._go(self._frame)
            return
        began, first = self._playing_since
        frame = first + int((time.monotonic() - began) * self._dataset.fps * self._speed.value)
        last = self._episode.length - 1
        self._go(min(frame, last, max(self._film.ready - 1, 0)))
        if frame >= last:
            self._stop()

    def _play_or_stop(self) -> None:
        if self._playing_since is not None:
            self._stop()
            return
        first = 0 if self._frame >= self._episode.length - 1 else self._frame
        self._playing_since = (time.monotonic(), first)
        self._button.props('icon=pause aria-label="stop"')

    def _stop(self) -> None:
        self._playing_since = None
        self._button.props('icon=play_arrow aria-label="play"')

    def _pace_changed(self) -> None:
        if self._playing_since is not None:
            self._playing_since = (time.monotonic(), self._frame)

    async def _slid(self) -> None:
        frame = int(self._slider.value)
        if frame != self._frame:
            self._stop()
            self._go(frame)
            await self._predict()

    async def _key(self, event: KeyEventArguments) -> None:
        if not event.action.keydown:
            return
        last = self._episode.length - 1
        steps = {"ArrowLeft": self._frame - 1, "ArrowRight": self._frame + 1, "Home": 0, "End": last}
        if event.key == " " and not event.action.repeat:
            self._play_or_stop()
        elif (name := str(event.key.name)) in steps:
            self._stop()
            self._go(min(max(steps[name], 0), last))
            await self._predict()

    def _go(self, frame: int) -> None:
        """Show a frame: pictures, line and numbers together."""
        self._frame = frame
        for camera, picture in self._pictures.items():
            if self._film.frame(camera, frame) is not None:
                picture.set_source(frame_link(self._name, self._position, camera, frame))
        if self._slider.value != frame:
            self._slider.set_value(frame)
        ready, length = self._film.ready, self._film.length
        self._told_ready = ready
        waiting = f", {100 * ready // max(1, length)} % decoded" if ready < length and not self._film.error else ""
        self._told.set_text(f"{frame:,} / {length - 1:,}, {frame / self._dataset.fps:.2f} s{waiting}")
        if self._film.error:
            self._said.set_text(self._film.error)
        self._change(at_frame(frame, *self._reach))

    def _change(self, change: dict[str, Any]) -> None:
        """Change points of the chart that is drawn, and of its options, which are what is drawn when it is not yet."""
        new = {series["id"]: series for series in change["series"]}
        for series in self._chart.options["series"]:
            series.update(new.get(series.get("id"), {}))
        self._chart.run_chart_method("setOption", change)

    # -- prediction -----------------------------------------------------------------------------------------------

    async def _predict(self) -> None:
        """Draw what the chosen policy predicts from this frame on; while playing it is not asked."""
        names = [self._names[column] for column in self._columns]
        if not self._policy.value:
            self._change(with_prediction(names, 0, None))
            self._said.set_text("")
            return
        if self._asking:
            return
        self._asking = True
        self._said.set_text("asking the policy ...")
        try:
            frame = self._frame
            chunk, task = await asyncio.to_thread(
                self._studio.predictor.predict,
                self._studio.places.find(self._policy.value),
                self._dataset,
                self._episode.start + frame,
            )
            shown = with_prediction(names, frame, chunk[:, [c for c in self._columns if c < chunk.shape[1]]])
            self._change(shown)
            told = f", told “{task}”" if task else ""
            self._said.set_text(f"predicted from frame {frame:,} on: {len(chunk)} actions{told}")
        except UnderstudyError as error:
            self._said.set_text(str(error))
        finally:
            self._asking = False
