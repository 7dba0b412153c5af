"""The pages of the studio, one file each."""

from __future__ import annotations

from ..studio import Studio
from . import compare, datasets, doctor, episode, run, runs


def register_all(studio: Studio) -> None:
    """Serve every page."""
    for part in (runs, run, compare, datasets, episode, doctor):
        part.register(studio)
