"""The other end of workers.py: reads a line that says what to do, then a line per item, and answers each on a line."""

from __future__ import annotations

import importlib
import json
import os
import sys

from understudy.core.errors import UnderstudyError


def main() -> None:
    """Serve until stdin ends."""
    # whatever a library prints must not end up between the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    first = json.loads(sys.stdin.readline())
    module, function = first["target"].split(":")
    if not module.startswith("understudy."):
        raise ValueError(f"not a module of ours: {module}")
    serve = None
    for line in sys.stdin:
        try:
            if serve is None:
                serve = getattr(importlib.import_module(module), function)(first["setup"])
            answer = {"answer": serve(json.loads(line))}
        except UnderstudyError as error:
            answer = {"error": error.to_json()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
