"""A log that tells of crashes and new starts before, or instead of, the training."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView


def check(run: RunView) -> Iterator[Finding]:
    if run.log is None or (not run.log.errors and run.log.starts < 2):
        return
    errors = run.log.errors
    again = f"training begins {run.log.starts} times in this file; the last start is what is judged here"
    told = (
        f"{len(errors)} lines tell of errors, the last one in line {errors[-1][0]}: {errors[-1][1][:160]}"
        if errors
        else ""
    )
    yield Finding(
        "note",
        "; ".join(text for text in (again if run.log.starts > 1 else "", told) if text),
        "a run that counts from zero again has lost its schedule and its order of data; Understudy resumes bit for bit",
        {"starts": run.log.starts, "errors": [{"line": line, "text": text} for line, text in errors[-20:]]},
    )


RULE = Rule(
    "failed_starts", Looks.RUN, check, source="real logs of a Unitree G1: up to seven failed starts in one file"
)
