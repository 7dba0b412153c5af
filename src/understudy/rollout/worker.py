"""The other end of workers.py: reads a line that says what to do, then a line per item, and answers each on a line.

The answer to the first line is {"ready": true}, once everything is loaded. A process whose caller is gone ends by
itself, even in the middle of an item: a killed evaluation leaves nothing running.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from understudy.core.errors import UnderstudyError

ORPHAN_CHECK_S = 1.0


def main() -> None:
    """Serve until stdin ends."""
    # whatever a library prints must not end up between the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    first = json.loads(sys.stdin.readline())
    serve: Callable[[Any], dict[str, Any]] | None = None
    # None stands for the first line, which is answered too
    for line in itertools.chain([None], sys.stdin):
        try:
            if serve is None:
                serve = target_of(first["target"])(first["setup"])
                answer: dict[str, Any] = {"ready": True}
            else:
                assert line is not None
                answer = {"answer": serve(json.loads(line))}
        except UnderstudyError as error:
            answer = {"error": error.to_json()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def target_of(name: str) -> Callable[[dict[str, Any]], Callable[[Any], dict[str, Any]]]:
    """The function that "understudy.module:function" names; no module but ours."""
    module, function = name.split(":")
    if not module.startswith("understudy."):
        raise ValueError(f"not a module of ours: {module}")
    found: Callable[[dict[str, Any]], Callable[[Any], dict[str, Any]]] = getattr(
        importlib.import_module(module), function
    )
    return found


def end_with(parent: int) -> None:
    """End this process when its parent does: an item may take long, or hang, and nobody waits for it any more."""
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK_S)
    os._exit(1)


if __name__ == "__main__":
    main()
