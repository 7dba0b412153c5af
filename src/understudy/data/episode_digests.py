"""What an episode is known by, wherever it lies and whatever its number: a hash of its states and actions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from .spec import ACTION, STATE

if TYPE_CHECKING:
    from .dataset_files import Part
    from .lerobot import Dataset


def episode_digests(dataset: Dataset, episodes: Collection[int] | None = None) -> dict[int, str]:
    """Episode index -> 16 hex digits, for the loaded episodes, or those of `episodes`.

    Of actions and states as they were read; an episode without any of the two has none.
    """
    columns = [dataset.columns[name] for name in (ACTION, STATE) if name in dataset.columns]
    if not columns:
        return {}
    wanted = None if episodes is None else set(episodes)
    found = {}
    for episode in dataset.episodes:
        if wanted is None or episode.index in wanted:
            whole = hashlib.sha256()
            for column in columns:
                whole.update(column[episode.start : episode.start + episode.length].tobytes())
            found[episode.index] = whole.hexdigest()[:16]
    return found


def shared_episodes(joined: Dataset) -> list[tuple[tuple[Part, int], tuple[Part, int]]]:
    """Episodes that are in two parts of a joined dataset: (part, own number) of the one and of the other."""
    seen: dict[str, tuple[Part, int]] = {}
    twice = []
    for part in joined.parts:
        own = episode_digests(part.dataset)
        twice += [(seen[digest], (part, index)) for index, digest in own.items() if digest in seen]
        for index, digest in own.items():
            seen.setdefault(digest, (part, index))
    # twice in the same dataset is that dataset's own affair
    return [(one, other) for one, other in twice if one[0] is not other[0]]
