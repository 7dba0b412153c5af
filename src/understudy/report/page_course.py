"""The part of a run's page about its course: means by phase, and the curves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from understudy.core.run_folder import RunFolder

from .events import History, series
from .page_pictures import pictures, small_pictures

# where a run is cut into phases: its begin is fast, its end is what counts
_PHASES = ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.0))
_COLUMNS = ("loss", "l1_loss", "kld_loss", "grad_norm", "clipped_fraction", "lr")


def course_part(history: History, run: RunFolder) -> Iterator[str]:
    """How the training went: a table, then every picture of it."""
    shown = [
        *phases_part(history),
        *pictures(run, ("overall_loss", "validation")),
        *small_pictures(run, replays=False),
    ]
    if shown:
        yield "## How the training went"
        yield ""
        yield from shown


def phases_part(history: History) -> Iterator[str]:
    """Means of what was logged, by phase of the run."""
    last = series(history.steps, "loss")[0][-1:]
    if len(history.steps) < 2 * len(_PHASES) or not len(last):
        return
    bounds = [(begin * last[0], end * last[0]) for begin, end in _PHASES]
    table = {name: _means(series(history.steps, name), bounds) for name in _COLUMNS}
    # a policy with one loss has it under two names
    table = {n: cells for n, cells in table.items() if any(cells) and (n == "loss" or cells != table["loss"])}
    held_out = "action_error" if len(series(history.validations, "action_error")[1]) else "loss"
    if history.validations:
        name = f"held-out {held_out.replace('_', ' ')}"
        table[name] = _means(series(history.validations, held_out), bounds)
    yield "| updates | " + " | ".join(table) + " |"
    yield "| --- |" + " --: |" * len(table)
    for (low, high), *cells in zip(bounds, *table.values(), strict=True):
        yield f"| {low:,.0f} to {high:,.0f} | {' | '.join(cells)} |"
    yield ""
    yield "Means over each phase. A loss says how well demonstrations are reproduced; it is not a success rate."
    yield ""


def _means(found: tuple[np.ndarray, np.ndarray], bounds: list[tuple[float, float]]) -> list[str]:
    steps, values = found
    parts = [values[(steps > low) & (steps <= high)] for low, high in bounds]
    return [f"{np.mean(part):.3g}" if len(part) else "" for part in parts]
