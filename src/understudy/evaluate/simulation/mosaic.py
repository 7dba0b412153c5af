"""failures.png: how each episode that failed looked at its end, with the reason below it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from understudy.core.files import write_atomically
from understudy.evaluate.records import EpisodeRecord

MOST = 25


def write_picture(file: Path, picture: np.ndarray) -> None:
    """A picture (h, w, 3) as PNG. Raises DiskFull."""
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, format="png")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, packed.getvalue())


def write_mosaic(file: Path, failures: Sequence[EpisodeRecord], last_frames: Path) -> bool:
    """Draw the first of the `failures` with a picture in `last_frames`; whether there was one. Raises DiskFull."""
    from .film import captioned
    from .grid import tiled

    tiles = []
    for failure in failures[:MOST]:
        source = last_frames / f"{failure.seed}.png"
        if source.is_file():
            with Image.open(source) as picture:
                frame = np.asarray(picture.convert("RGB"))
            words = f"{failure.steps} steps  ·  progress {failure.progress:.2f}"
            tiles.append(captioned(frame, f"seed {failure.seed}", words, failure.reason))
    if not tiles:
        file.unlink(missing_ok=True)
        return False
    write_picture(file, tiled(tiles, background=24))
    return True
