"""What a run was trained on: each of its datasets, and how it was divided."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder
from understudy.data.split import Split
from understudy.report.events import lookup, read_history


@dataclass(frozen=True)
class TrainedOn:
    """One of a run's datasets.

    folder   where it was, when a folder was named
    split    by the dataset's own episode numbers; empty for a run that left no split.json
    """

    repo_id: str
    folder: Path | None
    fingerprint: str | None
    split: Split

    def is_named(self, repo_id: str, root: Path | None) -> bool:
        """Whether `--dataset.repo_id` and `--dataset.root` mean it."""
        named = (root or Path(repo_id)).expanduser()
        return repo_id == self.repo_id if root is None and not named.is_dir() else named.resolve() == self.folder


def datasets_of_run(run: RunFolder) -> list[TrainedOn]:
    """Every dataset that the run was trained on, in order. Raises DataError for a damaged split.json."""
    started = lookup(read_history(run.events).started, "dataset")
    started = started if isinstance(started, Mapping) else {}
    whole = Split.from_json(json.loads(run.split.read_text())) if run.split.exists() else Split([])
    chosen = json_or_empty(run.config).get("dataset") or {}
    parts, options = started.get("parts") or [started], chosen.get("mixture") or [chosen]
    starts = [int(part.get("first_episode", 0)) for part in parts]
    return [
        TrainedOn(
            str(part.get("repo_id")),
            _folder(option),
            part.get("fingerprint"),
            whole if len(parts) == 1 else whole.between(first, end),
        )
        for part, option, first, end in zip(parts, options, starts, [*starts[1:], None], strict=True)
    ]


def _folder(option: Mapping[str, Any]) -> Path | None:
    return Path(option["root"]).expanduser().resolve() if option.get("root") else None
