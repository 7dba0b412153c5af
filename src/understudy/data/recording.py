"""meta/recording.json: how a dataset was recorded in simulation, and which seed each of its episodes began with.

An evaluation asks it which initial states a policy may have seen. LeRobot does not look at the file, and a dataset
recorded elsewhere has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from understudy.core.errors import DataError

from .info import read_json

RECORDING = "meta/recording.json"


@dataclass(frozen=True)
class Attempt:
    """One episode that was tried. `reason`: why it was over."""

    seed: int
    success: bool
    steps: int
    reason: str


@dataclass(frozen=True)
class Recording:
    """Where the episodes of a dataset come from.

    env           the environment's options: type, cameras, size, ...
    task          name and version of the task, and its settings
    actor         who acted: {"type": "expert"}, or {"path": ..., "fingerprint": ...} of a policy
    disturbance   what was done to the actions on their way to the motors; the stored ones are the clean ones
    packages      versions that decide what happens; None where another Python has the package
    seeds         of each episode: seeds[episode_index]
    attempts      every episode that was tried up to the last one kept, by seed
    """

    env: dict[str, Any]
    task: dict[str, Any]
    actor: dict[str, Any]
    disturbance: dict[str, Any]
    packages: dict[str, str | None]
    seeds: tuple[int, ...]
    attempts: tuple[Attempt, ...] = field(default=())

    @property
    def successes(self) -> int:
        """How many attempts succeeded."""
        return sum(attempt.success for attempt in self.attempts)

    def seeds_of(self, episodes: Iterable[int] | None = None) -> set[int]:
        """The seeds of these episodes of the dataset, of all for None; indices it does not have are passed over."""
        if episodes is None:
            return set(self.seeds)
        return {self.seeds[episode] for episode in episodes if 0 <= episode < len(self.seeds)}

    def to_text(self) -> str:
        """The content of the file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def read_recording(root: str | Path) -> Recording | None:
    """What the dataset in `root` says of its recording, None when it says nothing. Raises DataError."""
    path = Path(root) / RECORDING
    if not path.is_file():
        return None
    raw = read_json(path)
    try:
        attempts = tuple(
            Attempt(int(a["seed"]), bool(a["success"]), int(a["steps"]), str(a["reason"])) for a in raw["attempts"]
        )
        seeds = tuple(int(seed) for seed in raw["seeds"])
        facts = {name: dict(raw[name]) for name in ("env", "task", "actor", "disturbance", "packages")}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"recording.json cannot be understood: {type(error).__name__} {error}",
            where=str(path),
            hint="without it nothing is known of the seeds; take the file away, or record again",
        ) from error
    return Recording(**facts, seeds=seeds, attempts=attempts)
