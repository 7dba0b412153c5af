"""Are the initial states of an evaluation new to the policy? A policy that meets what it was shown proves nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from understudy.core.errors import ConfigError
from understudy.core.lineage import read_lineage
from understudy.core.run_folder import RunFolder
from understudy.core.units import first_of


def check_unseen(roots: Sequence[Path], task: str, seeds: Sequence[int]) -> None:
    """Raises ConfigError naming the seeds that are in the recordings in `roots`.

    Nothing can be said, and nothing is refused, where they are gone or were not recorded in this task.
    """
    from understudy.data.recording import read_recording

    for root in roots:
        recording = read_recording(root)
        if recording is None or recording.env.get("type") != task:
            continue
        # of every episode: what was held out while training took part in choosing the checkpoint
        seen = sorted(set(seeds) & set(recording.seeds))
        if seen:
            raise ConfigError(
                f"{len(seen)} of {len(seeds)} episodes begin as episodes of the policy's training data do: "
                f"seeds {first_of(seen)}",
                where=str(root),
                hint="leave --seed out, or take one outside of these; --eval.allow_training_seeds=true measures it "
                "anyway",
            )


def datasets_of(home: RunFolder | None) -> list[Path]:
    """The folders of what a run, and those it was started from, were trained on, of those that are on this machine."""
    if home is None or not home.config.is_file():
        return []
    try:
        dataset = json.loads(home.config.read_text())["dataset"]
        named = [part.get("root") or part["repo_id"] for part in dataset.get("mixture") or [dataset]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    roots = [*(Path(str(name)).expanduser() for name in named), *read_lineage(home).folders()]
    return [root for root in dict.fromkeys(map(Path.resolve, roots)) if root.is_dir()]
