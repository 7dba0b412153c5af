"""Which episode lies in which file: LeRobot's limits on the size of files, and its numbering of files and chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHUNKS_SIZE = 1000
DATA_MB = 100
VIDEO_MB = 200


@dataclass(frozen=True, order=True)
class Place:
    """A file of a v3.0 dataset: chunk-<chunk>/file-<file>."""

    chunk: int = 0
    file: int = 0

    def of(self, template: str, **names: str) -> str:
        """The path that a template of info.json gives for this file."""
        return template.format(chunk_index=self.chunk, file_index=self.file, **names)

    def next(self) -> Place:
        """The file after this one."""
        return Place(self.chunk + 1, 0) if self.file == CHUNKS_SIZE - 1 else Place(self.chunk, self.file + 1)


def in_files(sizes: Sequence[int], megabytes: int, kinds: Sequence[bytes] | None = None) -> list[Place]:
    """Where each episode goes when files grow to at most `megabytes` MiB; one larger than that has a file to itself.

    sizes   bytes of each episode
    kinds   episodes of different kinds do not share a file
    """
    places: list[Place] = []
    place, filled = Place(), 0
    for number, size in enumerate(sizes):
        other_kind = bool(kinds and number and kinds[number] != kinds[number - 1])
        if number and (filled + size >= megabytes * 2**20 or other_kind):
            place, filled = place.next(), 0
        places.append(place)
        filled += size
    return places


def by_file(places: Sequence[Place]) -> dict[Place, list[int]]:
    """The episodes of each file, in order."""
    found: dict[Place, list[int]] = {}
    for episode, place in enumerate(places):
        found.setdefault(place, []).append(episode)
    return found
