"""Two tasks whose texts differ by a slip of the keyboard: one task in two spellings, or a label gone astray."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed

_MOST_TEXTS = 200
_SHORTEST = 5  # letters; "cup" and "cap" are two things


def check(data: DatasetView) -> Iterator[Finding]:
    episodes: dict[str, list[int]] = {}
    for episode in data.episodes:
        for text in episode.tasks:
            episodes.setdefault(text, []).append(episode.index)
    for a, b in combinations(sorted(episodes)[:_MOST_TEXTS], 2):
        if not _one_task(_words(a), _words(b)):
            continue
        rarer = min((a, b), key=lambda text: len(episodes[text]))
        found = sorted(episodes[rarer])
        yield Finding(
            "warning",
            f"two tasks look like one in two spellings: {a!r} and {b!r}; {rarer!r} is that of {listed(found)}",
            "if they are one, give them one text: a policy that reads language takes them for two",
            {"texts": [a, b], "episodes": [len(episodes[a]), len(episodes[b])]},
            tuple(found),
        )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _one_task(a: list[str], b: list[str]) -> bool:
    """Whether at most one word differs, and that one by a single letter more, less, other, or exchanged."""
    if len(a) != len(b):
        return "".join(a) == "".join(b)
    differing = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    return not differing or (len(differing) == 1 and _slip(*differing[0]))


def _slip(a: str, b: str) -> bool:
    if min(len(a), len(b)) < _SHORTEST or any(c.isdigit() for c in a + b):
        return False
    first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[first:], b[first:]
    exchanged = rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:]
    return exchanged or rest_a[1:] == rest_b[1:] or rest_a[1:] == rest_b or rest_a == rest_b[1:]


RULE = Rule(
    "task_spelling",
    Looks.DATASET,
    check,
    source="lerobot-record, which wants --dataset.single_task typed again at each start, and makes a task of each text",
)
