"""The doctor's forecasts tried on logs whose end is known: cut off in the middle, what is said, and what came.

    python benchmarks/doctor_forecasts.py

Prints two tables. The logs lie beside the checkout, in shared/data/training_logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from doctor_sets import SHARED
from tables import markdown
from understudy.diagnose.rule import Looks, apply_rules
from understudy.diagnose.run_view import RunView, view_of_log
from understudy.report.events import history_of

_CUTS = (0.25, 0.5, 0.75)


def whole_logs() -> Iterator[RunView]:
    """The real logs with a curve long enough."""
    for path in sorted((SHARED / "training_logs").glob("*/*.log")):
        view = view_of_log(path)
        if len(view.history.steps) > 100:
            yield view


def cut_off(view: RunView, last: float) -> RunView:
    """What was known at step `last`."""
    events = [event for event in view.events if event["step"] <= last]
    return replace(view, events=tuple(events), history=history_of(events), ended="")


def said(view: RunView, rule: str) -> dict[str, float] | None:
    """The evidence of a rule's finding."""
    return next((f.evidence for f in apply_rules(view, Looks.RUN) if f.rule == rule), None)


def main() -> None:
    times, changes = [], []
    for view in whole_logs():
        steps, clock = view.series("time")
        loss_steps, loss = view.series("loss")
        for cut in _CUTS:
            last = cut * view.last_step
            part = cut_off(view, last)
            # the time to the last line that there is
            until = replace(part, facts=view.facts | {"total_steps": view.last_step})
            if found := said(until, "time_left"):
                came = float(clock[-1] - clock[steps <= last][-1])
                minutes = [f"{x / 60:.0f}" for x in (found["seconds"], found["low"], found["high"], came)]
                times.append([view.name, f"{cut:.0%}", *minutes])
            if cut <= 0.5 and (found := said(part, "worth_going_on")):
                now, then = (np.median(loss[(loss_steps > 0.95 * s) & (loss_steps <= s)]) for s in (last, 2 * last))
                shares = [f"{x:+.0%}" for x in (found["change"], found["low"], found["high"], then / now - 1)]
                changes.append([view.name, f"{last:,.0f}", *shares])
    print(markdown(["log", "cut at", "minutes left, said", "low", "high", "came"], times), end="\n\n")
    print(markdown(["log", "cut at step", "loss at twice the steps, said", "low", "high", "came"], changes))


if __name__ == "__main__":
    main()
