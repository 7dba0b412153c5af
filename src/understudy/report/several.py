"""report.md of several runs: every evaluation in one table, where they ended, what differs, every curve in one plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.core.files import write_atomically

from . import style
from .events import History, series
from .html import html_page
from .judgements import Judgements, interval, measured_while_training, rate

# file -> (events, number, title, axis)
_CURVES = {
    "overall_loss": ("steps", "loss", "Overall loss", "loss"),
    "validation": ("validations", "action_error", "Held-out action error", "standard deviations"),
    "success": ("evaluations", "success_rate", "Success while training", "share of episodes"),
    "grad_norm": ("steps", "grad_norm", "Gradient norm before clipping", "norm"),
    "throughput": ("steps", "samples_per_s", "Throughput", "samples per second"),
}
_DASHES = ("-", "--", ":", "-.")
_LONGEST_VALUE = 60
# where one run is so much longer than another, the short one would be a dot
_MOST_TIMES_LONGER = 20
# a table with more columns is turned on its side: a row for each run
_MOST_COLUMNS = 5


@dataclass(frozen=True)
class OneOfSeveral:
    """One of the runs: how it ended in words, and the evaluations in its folder."""

    name: str
    history: History
    ended: str
    judged: Judgements


@dataclass(frozen=True)
class Several:
    """What is compared.

    differing   option -> its value in each run, as text; "" where it is not known
    paired      lines that tell of the difference in success with its interval; none where nothing can be compared
    """

    runs: Sequence[OneOfSeveral]
    differing: Mapping[str, Sequence[str]]
    paired: Sequence[str]


def write_several(several: Several, folder: Path) -> Path:
    """Write report.md, report.html and plots/ into `folder`; the path of report.md. Raises DiskFull."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = [path for path in (_plot(several.runs, folder, file) for file in _CURVES) if path is not None]
    lines = [
        f"# {len(several.runs)} runs side by side",
        "",
        *_evaluations(several),
        *_ends(several.runs),
        *_options(several),
        *_curves(plots),
    ]
    page, text = folder / "report.md", "\n".join(lines) + "\n"
    write_atomically(page, text)
    write_atomically(page.with_suffix(".html"), html_page(text, folder))
    return page


def _evaluations(several: Several) -> Iterator[str]:
    rates = [(run.name, judgement) for run in several.runs for judgement in run.judged.simulated]
    yield "## Success in simulation"
    yield ""
    if rates:
        yield f"| run | who | task | success | {rates[0][1].summary['confidence']:.0%} interval | protocol |"
        yield "| --- | --- | --- | --: | --: | --- |"
        for name, judgement in rates:
            s = judgement.summary
            protocol = f"`{s['protocol']['hash'][:12]}`"
            yield f"| {name} | {judgement.who} | {s['env']} | {rate(s)} | {interval(s)} | {protocol} |"
    else:
        yield "None of these runs has an evaluation in simulation (`understudy eval --env.type=TASK` makes one)."
    yield ""
    if several.paired:
        yield "In pairs, over the newest evaluation of each:"
        yield ""
        yield from (f"    {line}".rstrip() for line in several.paired)
        yield ""
    for run in several.runs:
        for path in run.judged.damaged:
            name = f"{path.parent.name}/{path.name}"
            yield f"Left out of {run.name}, because it cannot be read or lacks numbers: `{name}`."
            yield ""


def _ends(runs: Sequence[OneOfSeveral]) -> Iterator[str]:
    yield "## Where they ended"
    yield ""
    measured = any(measured_while_training(run.history) for run in runs)
    more = " last success while training |" if measured else ""
    yield f"| run | state | updates | loss at the end | best held-out error | at step |{more}"
    yield "| --- | --- | --: | --: | --: | --: |" + (" --: |" if measured else "")
    for run in runs:
        _, loss = series(run.history.steps, "loss")
        at, error = series(run.history.validations, "action_error")
        at, error = at[np.isfinite(error)], error[np.isfinite(error)]
        best = int(error.argmin()) if len(error) else 0
        cells = [run.ended, f"{run.history.last_step:,}", f"{loss[-1]:.3g}" if len(loss) else ""]
        cells += [f"{error[best]:.3g}", f"{at[best]:,.0f}"] if len(error) else ["", ""]
        if measured:
            cells += [f"{rate(event)} ({interval(event)})" for event in measured_while_training(run.history)[-1:]] or [
                ""
            ]
        yield f"| {run.name} | {' | '.join(cells)} |"
    yield ""
    yield "Losses compare where data, policy and loss are the same; held-out errors where the episodes are, too."
    yield ""


def _options(several: Several) -> Iterator[str]:
    yield "## Options that differ"
    yield ""
    names = [run.name for run in several.runs]
    if not several.differing:
        yield "None of those that are known: these runs have one configuration."
    else:
        rows = [["option", *names]]
        rows += [[f"`{name}`", *map(_shown, values)] for name, values in several.differing.items()]
        if len(names) > _MOST_COLUMNS and len(several.differing) < len(names):
            rows = [list(row) for row in zip(*rows, strict=True)]
        yield f"| {' | '.join(rows[0])} |"
        yield "|" + " --- |" * len(rows[0])
        yield from (f"| {' | '.join(row)} |" for row in rows[1:])
    yield ""


def _shown(value: str) -> str:
    short = value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 3] + "..."
    return short.replace("|", "\\|")


def _curves(plots: Sequence[Path]) -> Iterator[str]:
    if plots:
        yield "## Curves"
        yield ""
    for path in plots:
        yield f"![{_CURVES[path.stem][2]}](plots/{path.name})"
        yield ""


def _plot(runs: Sequence[OneOfSeveral], folder: Path, file: str) -> Path | None:
    kind, key, title, axis = _CURVES[file]
    found = [(number, run.name, *series(getattr(run.history, kind), key)) for number, run in enumerate(runs)]
    found = [(number, name, x, y) for number, name, x, y in found if len(x)]
    if not found:
        return None
    drawing = style.figure(8.0, 4.5 + 0.12 * max(0, len(found) - 4))
    plot = style.axes(drawing, title, "optimiser steps", axis)
    for number, name, x, y in found:
        # a run has the same colour and dashes in every plot
        color, dash = style.COLORS[number % len(style.COLORS)], _DASHES[number // len(style.COLORS) % len(_DASHES)]
        shown = style.smoothed(x, y) if style.is_noisy(x) else (x, y)
        marker = "o" if len(x) < 13 else None
        plot.plot(*shown, color=color, linestyle=dash, linewidth=1.6, marker=marker, markersize=4, label=name)
    style.fit_scale(plot, [y for _, _, _, y in found])
    ends = [x.max() for _, _, x, _ in found]
    if max(ends) > _MOST_TIMES_LONGER * min(ends) > 0:
        plot.set_xscale("log")
    style.legend(plot)
    return style.save(drawing, folder / "plots" / f"{file}.png")
