"""`understudy train`: the command line becomes a TrainConfig before anything heavy is imported; then the run."""

from __future__ import annotations

import json
import sys

from understudy.core import log


def run(arguments: list[str]) -> int:
    """Train as the arguments say. Raises what `understudy.train` raises, and ConfigError for a bad command."""
    if any(word in ("-h", "--help") for word in arguments):
        from .help import train_help

        sys.stdout.write(train_help(arguments))
        return 0
    from understudy.train.command import read_command

    command = read_command(arguments)
    for remark in command.config.remarks():
        log.say(remark)
    from understudy.train.run import train

    result = train(command.config, dry_run=command.dry_run)
    if command.as_json:
        last = None if command.dry_run else result.last_checkpoint
        print(json.dumps({"path": str(result.path), "last_checkpoint": None if last is None else str(last)}))
    return 0
