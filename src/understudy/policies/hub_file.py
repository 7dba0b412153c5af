"""One file of a repository on the Hub, and what to do by hand where the Hub cannot be reached."""

from __future__ import annotations

from pathlib import Path

from understudy.core.errors import ConfigError, reason_of


def hub_file(repository: str, name: str, *, what: str, where: str, instead: str) -> Path:
    """The local copy of the file, downloaded on first use into huggingface_hub's cache.

    what      what is in the file, for the error
    where     the option that asked for it
    instead   what to do with a copy that was downloaded by hand

    Raises ConfigError when it is not there and cannot be fetched.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, name))
    except Exception as error:  # the Hub's errors, those of its HTTP library, of the disk: the answer is the same
        raise ConfigError(
            f"{what} could not be fetched from {repository}: {reason_of(error)}",
            where=where,
            hint=f"download https://huggingface.co/{repository}/resolve/main/{name} by hand and {instead}",
        ) from error
