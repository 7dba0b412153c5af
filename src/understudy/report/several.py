"""report.md of several runs: the options that differ, every curve in one plot, every evaluation in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.core.files import write_atomically
from understudy.core.run_folder import RunFolder

from . import style
from .events import History, read_history, series
from .html import html_page
from .page import read_judgements

# file -> (events, number, title, axis)
_CURVES = {
    "overall_loss": ("steps", "loss", "Overall loss", "loss"),
    "validation": ("validations", "action_error", "Held-out action error", "standard deviations"),
    "grad_norm": ("steps", "grad_norm", "Gradient norm before clipping", "norm"),
    "throughput": ("steps", "samples_per_s", "Throughput", "samples per second"),
}
_COLORS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.GREY, style.BLACK)
_DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Several:
    """What is compared.

    differing   option -> its value in each run, as text
    paired      lines that tell of the difference in success with its interval; none where nothing can be compared
    """

    names: Sequence[str]
    runs: Sequence[RunFolder]
    differing: Mapping[str, Sequence[str]]
    paired: Sequence[str]


def write_several(several: Several, folder: Path) -> Path:
    """Write report.md, report.html and plots/ into `folder`; the path of report.md. Raises DiskFull."""
    histories = [read_history(run.events) for run in several.runs]
    folder.mkdir(parents=True, exist_ok=True)
    plots = [path for path in (_plot(several, histories, folder, file) for file in _CURVES) if path is not None]
    lines = [
        f"# {len(several.names)} runs side by side",
        "",
        *_options(several),
        *_ends(several, histories),
        *_evaluations(several),
        *(line for path in plots for line in (f"![{path.stem}](plots/{path.name})", "")),
    ]
    page, text = folder / "report.md", "\n".join(lines) + "\n"
    write_atomically(page, text)
    write_atomically(page.with_suffix(".html"), html_page(text, folder))
    return page


def _options(several: Several) -> Iterator[str]:
    yield "## Options that differ"
    yield ""
    if not several.differing:
        yield "None: these runs have one configuration."
    else:
        yield "| option | " + " | ".join(several.names) + " |"
        yield "| --- |" + " --- |" * len(several.names)
        for name, values in several.differing.items():
            shown = [value.replace("|", "\\|")[:60] for value in values]
            yield f"| `{name}` | " + " | ".join(shown) + " |"
    yield ""


def _ends(several: Several, histories: Sequence[History]) -> Iterator[str]:
    yield "## Where they ended"
    yield ""
    yield "| run | steps | loss at the end | best held-out error | at step |"
    yield "| --- | --: | --: | --: | --: |"
    for name, history in zip(several.names, histories, strict=True):
        steps, loss = series(history.steps, "loss")
        at, error = series(history.validations, "action_error")
        best = int(error.argmin()) if len(error) else 0
        cells = [f"{steps[-1]:,.0f}" if len(steps) else "", f"{loss[-1]:.3g}" if len(loss) else ""]
        cells += [f"{error[best]:.3g}", f"{at[best]:,.0f}"] if len(error) else ["", ""]
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""


def _evaluations(several: Several) -> Iterator[str]:
    judged = [(n, j) for n, run in zip(several.names, several.runs, strict=True) for j in read_judgements(run)]
    rates = [(name, j) for name, j in judged if j.simulated]
    if not rates:
        return
    yield "## Success in simulation"
    yield ""
    yield "| run | task | success |"
    yield "| --- | --- | --- |"
    for name, judgement in rates:
        yield f"| {name} | {judgement.summary['env']} | {judgement.rate()} |"
    yield ""
    if several.paired:
        yield from (f"    {line}" for line in several.paired)
        yield ""


def _plot(several: Several, histories: Sequence[History], folder: Path, file: str) -> Path | None:
    kind, key, title, axis = _CURVES[file]
    found = [(n, *series(getattr(h, kind), key)) for n, h in zip(several.names, histories, strict=True)]
    found = [(name, x, y) for name, x, y in found if len(x)]
    if not found:
        return None
    drawing = style.figure()
    plot = style.axes(drawing, title, "optimiser steps", axis)
    for i, (name, x, y) in enumerate(found):
        shown = style.running_median(y, max(5, len(y) // 40)) if len(y) > 60 else y
        dash = _DASHES[i // len(_COLORS) % len(_DASHES)]
        plot.plot(x, shown, color=_COLORS[i % len(_COLORS)], linestyle=dash, linewidth=1.6, label=name)
    style.fit_scale(plot, [y for _, _, y in found])
    plot.legend(frameon=False, fontsize=8)
    return style.save(drawing, folder / "plots" / f"{file}.png")
