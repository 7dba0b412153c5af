"""A sheet of small pictures: for each episode that a finding speaks of, what each camera saw, from begin to end."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.files import write_atomically

from .finding import Finding

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    from understudy.data.lerobot import Dataset

_COLUMNS, _MOST_ROWS = 6, 24
_WIDTH, _GAP, _LABEL = 200, 6, 18
_PAPER, _INK, _MARK = (250, 250, 250), (40, 44, 52), (200, 60, 40)


def write_contact_sheet(dataset: Dataset, findings: Sequence[Finding], path: Path) -> None:
    """Write the sheet as PNG: a row for each episode and camera, episodes with findings first, named in red.

    A row shows the frames that a finding names, and fills up with frames spread over the episode.
    Raises DataError where a picture cannot be decoded, DiskFull.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = _rows(dataset, findings)
    height = {c: round(_WIDTH * dataset.spec.features[c].shape[1] / dataset.spec.features[c].shape[2]) for _, c in rows}
    total = sum(height[camera] + _LABEL + _GAP for _, camera in rows) + _GAP
    sheet = Image.new("RGB", (_COLUMNS * (_WIDTH + _GAP) + _GAP, total), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    top = _GAP
    for position, camera in rows:
        episode = dataset.episodes[position]
        said = list(dict.fromkeys(f.rule for f in findings if episode.index in f.episodes))
        named = [first for f in findings for index, first, _ in f.frames if index == episode.index]
        label = f"episode {episode.index}, {camera}, {episode.length} frames"
        pen.text((_GAP, top), label + (f": {', '.join(said)}" if said else ""), _MARK if said else _INK, font)
        for column, frame in enumerate(_frames(episode.length, named)):
            picture = Image.fromarray(dataset.read_frame(camera, episode.start + frame))
            left = _GAP + column * (_WIDTH + _GAP)
            sheet.paste(picture.resize((_WIDTH, height[camera])), (left, top + _LABEL))
            _number(pen, (left + 4, top + _LABEL + height[camera] - 18), frame, font, marked=frame in named)
        top += height[camera] + _LABEL + _GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def _rows(dataset: Dataset, findings: Sequence[Finding]) -> list[tuple[int, str]]:
    """(position of the episode, camera), those with findings first, then some spread over the dataset."""
    concerned = {index for finding in findings for index in finding.episodes}
    first = [p for p, episode in enumerate(dataset.episodes) if episode.index in concerned]
    others = [p for p in range(len(dataset.episodes)) if p not in set(first)]
    most = max(1, _MOST_ROWS // len(dataset.spec.cameras))
    room = max(2, most - len(first))
    spread = (
        [others[i] for i in dict.fromkeys(np.linspace(0, len(others) - 1, room).round().astype(int))] if others else []
    )
    return [(p, camera) for p in (first + spread)[:most] for camera in dataset.spec.cameras]


def _frames(length: int, named: Sequence[int]) -> list[int]:
    chosen = sorted(set(named))[: _COLUMNS - 2]
    spread = [int(x) for x in np.linspace(0, length - 1, _COLUMNS - len(chosen)).round()]
    return sorted({*chosen, *spread})[:_COLUMNS]


def _number(pen: object, place: tuple[int, int], frame: int, font: FreeTypeFont | ImageFont, *, marked: bool) -> None:
    from PIL.ImageDraw import ImageDraw

    assert isinstance(pen, ImageDraw)
    text = str(frame)
    pen.rectangle((place[0] - 2, place[1], place[0] + 2 + 8 * len(text), place[1] + 16), fill=_PAPER)
    pen.text(place, text, _MARK if marked else _INK, font)
