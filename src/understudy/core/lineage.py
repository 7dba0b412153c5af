"""Where a policy comes from: what its run was trained on, which policy it was started from, and so on back.

RUN/lineage.json
  datasets   of this run: repo_id, folder, fingerprint, episodes, frames, weight, and `trained`: for each episode
             that was trained on, by its own number, a hash of what is in it
  parent     null for a run from scratch; else policy, run, step, weights (SHA-256 of its files), continued
             (whether optimiser and schedule went on too), and its own lineage as far as it is known
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .run_folder import RunFolder

FORMAT = 1
# no real chain is as long, and a damaged file may name itself
_LONGEST = 100


@dataclass(frozen=True)
class Seen:
    """An episode that was trained on: of which dataset, and by which run (None: this one)."""

    repo_id: str
    episode: int
    run: str | None


@dataclass(frozen=True)
class Lineage:
    """One generation; `parent` leads to the one before."""

    content: Mapping[str, Any]
    run: str | None = None

    @property
    def datasets(self) -> list[Mapping[str, Any]]:
        found = self.content.get("datasets")
        return [d for d in found if isinstance(d, Mapping)] if isinstance(found, list) else []

    @property
    def parent(self) -> Mapping[str, Any] | None:
        """What it was started from; None for a start from scratch."""
        found = self.content.get("parent")
        return found if isinstance(found, Mapping) else None

    def generations(self) -> Iterator[Lineage]:
        """This one, the one that it was started from, and so on, as far as they are known."""
        here: Lineage | None = self
        for _ in range(_LONGEST):
            if here is None:
                return
            yield here
            parent = here.parent or {}
            before = parent.get("lineage")
            here = Lineage(before, str(parent.get("run"))) if isinstance(before, Mapping) else None

    def trained(self) -> dict[str, Seen]:
        """Hash -> the episode that was trained on, by this run or one before; the latest where several did."""
        found: dict[str, Seen] = {}
        for generation in self.generations():
            for dataset in generation.datasets:
                episodes = dataset.get("trained")
                for index, digest in episodes.items() if isinstance(episodes, Mapping) else ():
                    found.setdefault(str(digest), Seen(str(dataset.get("repo_id")), int(index), generation.run))
        return found

    def folders(self) -> list[Path]:
        """Every dataset's folder, of this run and those before; those that only had a name are not among them."""
        named = [dataset.get("folder") for generation in self.generations() for dataset in generation.datasets]
        return [Path(str(folder)) for folder in dict.fromkeys(named) if folder]


NOTHING = Lineage({})


def read_lineage(run: RunFolder | None) -> Lineage:
    """The lineage of a run; an empty one where there is none, or it cannot be read."""
    try:
        content = json.loads(run.lineage.read_text()) if run is not None else {}
    except (OSError, ValueError):
        content = {}
    return Lineage(content if isinstance(content, dict) else {})


def told(lineage: Lineage) -> list[str]:
    """The ancestors in words, the nearest first, a line each; [] for a start from scratch."""
    lines = []
    for generation in lineage.generations():
        parent = generation.parent
        if parent is None:
            continue
        step = f", step {parent['step']:,}" if isinstance(parent.get("step"), int) else ""
        how = "weights, optimiser and schedule" if parent.get("continued") else "weights"
        before = parent.get("lineage")
        known = _trained_on(Lineage(before)) if isinstance(before, Mapping) else ""
        what = f"trained on {known}" if known else "of which it is not known which episodes it was trained on"
        lines.append(f"{how} of {parent.get('run') or parent.get('policy')}{step}, {what}")
    return lines


def _trained_on(lineage: Lineage) -> str:
    parts = []
    for dataset in lineage.datasets:
        trained = dataset.get("trained")
        count = f"{len(trained)} episodes of " if isinstance(trained, Mapping) and trained else ""
        parts.append(f"{count}{dataset.get('repo_id')}")
    return " and ".join(parts)
