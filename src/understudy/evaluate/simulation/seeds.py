"""Are the initial states of an evaluation new to the policy? A policy that meets what it was shown proves nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from understudy.core.errors import ConfigError
from understudy.core.run_folder import RunFolder


def check_unseen(root: Path | None, task: str, seeds: Sequence[int]) -> None:
    """Raises ConfigError naming the seeds that are in the recordings in `root`.

    Nothing can be said, and nothing is refused, where they are gone (None) or were not recorded in this task.
    """
    if root is None:
        return
    from understudy.data.recording import read_recording

    recording = read_recording(root)
    if recording is None or recording.env.get("type") != task:
        return
    # of every episode: what was held out while training took part in choosing the checkpoint
    seen = sorted(set(seeds) & set(recording.seeds))
    if seen:
        shown = ", ".join(map(str, seen[:8])) + (", ..." if len(seen) > 8 else "")
        raise ConfigError(
            f"{len(seen)} of {len(seeds)} episodes begin as episodes of the policy's training data do: seeds {shown}",
            where=str(root),
            hint="leave --seed out, or take one outside of these; --eval.allow_training_seeds=true measures it anyway",
        )


def dataset_of(home: RunFolder | None) -> Path | None:
    """The folder of the dataset that a run was trained on; None outside a run, or when it is not on this machine."""
    if home is None or not home.config.is_file():
        return None
    try:
        dataset = json.loads(home.config.read_text())["dataset"]
        named = dataset.get("root") or dataset["repo_id"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    root = Path(str(named)).expanduser()
    return root if root.is_dir() else None
