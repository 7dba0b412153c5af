"""`understudy train`: the command line becomes a TrainConfig before anything heavy is imported; then the run."""

from __future__ import annotations

import json
import sys
import time

from understudy.core import log

# torchrun stops every rank as soon as one has failed: so long the others leave rank 0 to say why
_LAST_WORDS_S = 3.0


def run(arguments: list[str]) -> int:
    """Train as the arguments say. Raises what `understudy.train` raises, and ConfigError for a bad command."""
    if any(word in ("-h", "--help") for word in arguments):
        from .help import train_help

        sys.stdout.write(train_help(arguments))
        return 0
    from understudy.train.place import place_of_this_process

    rank = place_of_this_process().rank
    if rank == 0:
        return _train(arguments, speaks=True)
    log.hush()
    try:
        return _train(arguments, speaks=False)
    except BaseException:
        if log.is_hushed():
            time.sleep(_LAST_WORDS_S)
        raise


def _train(arguments: list[str], *, speaks: bool) -> int:
    from understudy.train.command import read_command

    command = read_command(arguments)
    for remark in command.config.remarks():
        log.say(remark)
    if command.config.fast_paths:
        from understudy.core.allocator import keep_freed_memory

        keep_freed_memory()
    from understudy.train.run import train
    from understudy.train.start_up import launched

    result = train(command.config, dry_run=command.dry_run, launched=launched())
    if command.as_json and speaks:
        last = None if command.dry_run else result.last_checkpoint
        print(json.dumps({"path": str(result.path), "last_checkpoint": None if last is None else str(last)}))
    return 0
