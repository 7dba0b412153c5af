"""Where a checkpoint is: a folder, a step of a run, a whole run, a file in one of them, or a repository on the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from understudy.core.errors import CheckpointError, reason_of
from understudy.core.run_folder import PRETRAINED, RunFolder

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.safetensors", "tokenizer/*"]


def find_checkpoint(path: str | Path) -> Path:
    """The folder that holds `config.json` and the weights.

    path   a `pretrained_model` folder, a file in it, a step folder, a run folder (its last checkpoint), or `owner/name`
           on the Hub (downloaded into huggingface_hub's cache)

    Raises CheckpointError when there is nothing, or when a run has no checkpoint yet.
    """
    local = Path(path).expanduser()
    if local.is_file():
        # here, because finding a checkpoint has to work before torch is imported
        from understudy.nn.weights import refuse_pickle

        refuse_pickle(local)
        local = local.parent
    if not local.exists():
        if _HUB_ID.fullmatch(str(path)):
            return _from_hub(str(path))
        raise CheckpointError(
            "there is no such folder", where=str(path), hint="give a checkpoint's folder, a run's folder, or owner/name"
        )
    if (local / PRETRAINED).is_dir():
        return local / PRETRAINED
    if local.name == "checkpoints" and not (local / "config.json").exists():
        local = local.parent
    if (local / "checkpoints").is_dir() and not (local / "config.json").exists():
        return _last_of(RunFolder(local))
    return local


def _last_of(run: RunFolder) -> Path:
    """The checkpoint that `last` names; the newest one when the link is gone."""
    if (run.last / PRETRAINED).is_dir():
        return run.last / PRETRAINED
    for path in reversed(run.saved_checkpoints()):
        if (path / PRETRAINED).is_dir():
            return path / PRETRAINED
    raise CheckpointError("this run has no checkpoint yet", where=str(run.path))


def _from_hub(repo_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo_id, allow_patterns=_HUB_FILES))
    except Exception as error:  # the Hub's errors, those of its HTTP library, of the disk: the answer is the same
        raise CheckpointError(
            f"there is no folder `{repo_id}`, and as a repository it could not be fetched from the Hub: "
            f"{reason_of(error)}",
            where=repo_id,
            hint=f"check the name; without a network, download the repository elsewhere (`hf download {repo_id}`) "
            "and give its folder",
        ) from error
