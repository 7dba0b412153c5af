"""ChartView: the charts of a page, fed again and again: zoom and shape stay, only the points change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import ui

from .curve_chart import chart_options
from .panels import MACHINE_TITLES, Panels

Zoomed = Callable[[str, tuple[float, float]], Awaitable[None]]


class ChartView:
    """Charts in a grid of one or two columns, and their two controls: smoothing and a logarithmic scale.

    on_zoom    called with the title and the (first, last) x that are in view, after a person has zoomed
    expected   titles whose charts are there from the begin, empty: the browser gets ready while the log is read
    """

    def __init__(self, on_zoom: Zoomed | None = None, expected: Sequence[str] = ()) -> None:
        self._on_zoom = on_zoom
        self._panels: Panels = {}
        self._charts: dict[str, ui.echart] = {}
        with ui.row().classes("w-full items-center gap-6"):
            ui.label("Smoothing").props("id=smoothing-label")
            self._smoothing = ui.slider(min=0, max=0.99, step=0.01, value=0.0, on_change=self._draw)
            self._smoothing.props('label aria-labelledby="smoothing-label"').classes("w-48")
            self._logarithmic = ui.switch("Logarithmic", on_change=self._draw)
            ui.label("Drag the bar below a chart to zoom, or hold Ctrl and turn the wheel.").classes("opacity-70")
        self._grid = ui.element("div").classes("grid grid-cols-1 lg:grid-cols-2 gap-4 w-full")
        self._charts |= {title: self._new(title, chart_options(title, [])) for title in expected}

    def show(self, panels: Panels) -> None:
        """Draw these panels."""
        self._panels = panels
        self._draw()

    def _draw(self) -> None:
        for title, curves in self._panels.items():
            options = chart_options(
                title,
                curves,
                smoothing=self._smoothing.value,
                logarithmic=self._logarithmic.value and title not in MACHINE_TITLES,
                x_name="minutes" if title in MACHINE_TITLES else "step",
            )
            if title in self._charts:
                self._charts[title].options.clear()
                self._charts[title].options.update(options)
                self._charts[title].update()
            else:
                self._charts[title] = self._new(title, options)

    def _new(self, title: str, options: dict[str, Any]) -> ui.echart:
        with self._grid:
            chart = ui.echart(options, renderer="svg").classes("w-full h-80 border rounded border-gray-400/40")
            chart.props["role"], chart.props["aria-label"] = "img", title
        if self._on_zoom is not None:

            async def zoomed(event: Any) -> None:
                await self._zoomed(title, event.args)

            chart.on("chart:datazoom", zoomed, ["start", "end", "batch"], throttle=0.3, leading_events=False)
        return chart

    async def _zoomed(self, title: str, told: dict[str, Any]) -> None:
        part = (told.get("batch") or [told])[0]
        if self._on_zoom is None or part.get("start") is None or title in MACHINE_TITLES:
            return  # the machine's charts are over time, and show all there is
        # the axis reaches from 0 to the last point
        last = max((float(curve.x[-1]) for curve in self._panels.get(title, [])), default=0.0)
        await self._on_zoom(title, (last * float(part["start"]) / 100, last * float(part["end"]) / 100))
