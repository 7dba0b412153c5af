"""understudy merge CHECKPOINT FOLDER: add an adapter to the weights that it belongs to.

What is left is a checkpoint like any other: it needs neither the weights that the adapter was trained beside nor the
package peft, here and in LeRobot.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options


class MergeOptions(Options):
    """Adds an adapter to the weights that it belongs to, and writes the policy that this makes."""

    checkpoint: str = Field(description="a checkpoint with an adapter, or its step's or run's folder, or owner/name")
    folder: Path = Field(description="where the new checkpoint goes; a folder that is not there yet")


def run(arguments: list[str]) -> int:
    """Raises ConfigError, CheckpointError, DiskFull; the folder is then not there."""
    options = parse_options(MergeOptions, arguments, positionals=["checkpoint", "folder"], verb="merge")
    if options.as_json:
        log.talk_on_stderr()
    from understudy.policies.merging import merge_adapter

    target = options.folder.expanduser()
    merge_adapter(options.checkpoint, target)
    if options.as_json:
        print(json.dumps({"path": str(target)}))
    else:
        log.say(f"merged     {target}")
    return 0
