"""Datasets: those of the served folders; one of them with its facts, its episodes and a sheet of pictures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from nicegui import ui

from understudy.core.units import readable_bytes

from ..dataset_list import DatasetRow
from ..layout import errors_shown, facts, found, heading, page
from ..linked_table import NUMBER, LinkedTable, link
from ..media import media_link, still_link
from ..studio import Studio

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

_SHEET_PICTURES = 24
_EPISODE_COLUMNS: list[dict[str, Any]] = [
    {"headerName": "Episode", "field": "episode", "width": 140},
    {"headerName": "Frames", "field": "frames", "width": 110, **NUMBER},
    {"headerName": "Seconds", "field": "seconds", "width": 110, **NUMBER},
    {"headerName": "Task", "field": "task", "flex": 1, "minWidth": 160},
]


def register(studio: Studio) -> None:
    """Serve the pages at /datasets and /dataset?path=..."""

    @ui.page("/datasets")
    async def datasets_page() -> None:
        with page(studio, "Datasets"):
            heading("Datasets")
            rows = await asyncio.to_thread(studio.datasets.rows)
            if not rows:
                places = ", ".join(str(root) for root in studio.places.roots)
                ui.label(f"No LeRobot dataset in {places}. Name more folders: understudy studio RUNS --datasets=FOLDER")
            for row in rows:
                _line(studio, row)

    @ui.page("/dataset")
    def dataset_page(path: str = "") -> None:
        folder = found(studio, path)
        with page(studio, folder.name):
            DatasetView(studio, folder)


def _line(studio: Studio, row: DatasetRow) -> None:
    name = studio.places.name(row.path).partition("/")[2]
    with ui.card().classes("w-full").props("flat bordered"), ui.row().classes("items-baseline gap-4 w-full"):
        ui.link(name if name != "." else row.path.name, media_link(studio, row.path, page="/dataset?path="))
        cameras = "1 camera" if row.cameras == 1 else f"{row.cameras} cameras"
        told = [f"{row.episodes:,} episodes", f"{row.frames:,} frames", f"{row.fps:g} fps", cameras, row.version]
        ui.label(", ".join([*told, row.robot] if row.robot else told)).classes("opacity-70")


class DatasetView:
    """The content of the page of one dataset; it is read after the page has opened."""

    def __init__(self, studio: Studio, folder: Path) -> None:
        self._studio, self._folder = studio, folder
        ui.label(folder.name).classes("text-2xl break-all")
        self._content = ui.column().classes("w-full gap-4")
        with self._content:
            ui.label("Reading ...").props("role=status")
        ui.timer(0.05, self._load, once=True)

    async def _load(self) -> None:
        with self._content, errors_shown():
            dataset = await asyncio.to_thread(self._studio.datasets.load, self._folder)
            size = await asyncio.to_thread(lambda: dataset.bytes)
            self._content.clear()
            self._show(dataset, size)

    def _show(self, dataset: Dataset, size: int) -> None:
        facts(
            {
                "Format": dataset.version,
                "Episodes": f"{len(dataset.episodes):,}, {dataset.num_rows:,} frames, {dataset.fps:g} fps",
                "Cameras": ", ".join(
                    f"{name} {dataset.spec.features[name].shape[2]}x{dataset.spec.features[name].shape[1]}"
                    for name in dataset.spec.cameras
                ),
                "Tasks": "; ".join(task or "(empty)" for task in dataset.tasks[:10]),
                "Size": readable_bytes(size),
            }
        )
        for warning in dataset.warnings:
            ui.label(f"Deviates from the format: {warning}").classes("opacity-70")
        name = self._studio.places.name(self._folder)
        with ui.row().classes("gap-4"):
            ui.link("Ask the doctor", f"/doctor?target={quote(name, safe='')}")
        if dataset.spec.cameras:
            self._sheet(dataset, name)
        heading("Episodes")
        table = LinkedTable(_EPISODE_COLUMNS, height="h-96")
        table.show([_episode_row(dataset, name, position) for position in range(len(dataset.episodes))])

    def _sheet(self, dataset: Dataset, name: str) -> None:
        """The picture in the middle of episodes that are spread over the dataset."""
        from understudy.data.rows import evenly_spaced

        heading("What the cameras see")
        cameras = dataset.spec.cameras
        chosen = evenly_spaced(np.arange(len(dataset.episodes)), max(4, _SHEET_PICTURES // len(cameras)))
        with ui.element("div").classes("grid grid-cols-2 md:grid-cols-4 lg:grid-cols-6 gap-2 w-full"):
            for camera in cameras:
                for position in chosen.tolist():
                    _still(dataset, name, camera, position)


def _still(dataset: Dataset, name: str, camera: str, position: int) -> None:
    episode = dataset.episodes[position]
    middle = episode.length // 2
    with ui.link(target=episode_link(name, position, middle)).classes("no-underline"):
        picture = ui.image(still_link(name, position, camera, middle)).classes("w-full")
        picture.props["alt"] = f"episode {episode.index}, {camera}, its middle"
        ui.label(f"episode {episode.index}, {camera.rpartition('.')[2]}").classes("text-sm")


def _episode_row(dataset: Dataset, name: str, position: int) -> dict[str, Any]:
    episode = dataset.episodes[position]
    return {
        "key": str(episode.index),
        "episode": link(f"episode {episode.index}", episode_link(name, position)),
        "frames": episode.length,
        "seconds": round(episode.length / dataset.fps, 1),
        "task": "; ".join(episode.tasks),
    }


def episode_link(dataset: str, position: int, frame: int = 0) -> str:
    """The link to the player; `dataset` as Places names it."""
    return f"/episode?dataset={quote(dataset, safe='')}&episode={position}" + (f"&frame={frame}" if frame else "")
