"""The page of the pendulum study: report.md, report.html (one file, offline), tables.md, from summary.json alone.

The answer first (is the ceiling reached, which family is better), then the nine settings, then what it cost and what it
cannot tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from understudy.core.files import write_atomically
from understudy.core.units import readable_duration

from . import pendulum_tables as tables
from .html import html_page
from .pendulum_plots import write_pendulum_plots
from .pendulum_tables import Summary, families_of, name_of

_RATES = """Rates in %: [exact 95 % interval over all episodes, Clopper-Pearson] ± half-width of the 95 % t interval
over the models' own rates. The first is about these models, the second about the recipe that trained them."""


def write_pendulum_page(folder: Path) -> Path:
    """Write the page of the study in `folder`; its path. Raises DiskFull."""
    summary = json.loads((folder / "summary.json").read_text())
    plots = write_pendulum_plots(summary, folder / "plots")
    page = "\n".join(_page(summary, folder, {plot.stem: plot for plot in plots})) + "\n"
    path = folder / "report.md"
    write_atomically(path, page)
    write_atomically(folder / "tables.md", "\n".join(_tables(summary)) + "\n")
    write_atomically(folder / "report.html", html_page(page, folder))
    return path


def _page(summary: Summary, folder: Path, plots: dict[str, Path]) -> Iterator[str]:
    study = summary["study"]
    yield f"# The pendulum: {' and '.join(families_of(summary))}, {len(study['seeds'])} models each, {study['preset']}"
    yield ""
    yield from _answer(summary)
    shown = {
        "success": "A, success: 100 steps without a fall",
        "convergence": "B, convergence: ten steps in a row within 0.02 rad",
    }
    for measure, words in shown.items():
        yield from _section(words, tables.rates(summary, measure), _picture(plots, measure, words), note=_RATES)
    yield from _section("Against the ceiling", tables.ceiling(summary), note=_ceiling_note(summary))
    if summary["differences"]:
        words = " minus ".join(families_of(summary))
        picture = _picture(plots, "differences", f"{words}, with intervals over models")
        yield from _section(f"Differences: {words}", tables.differences(summary), picture, note=_DIFFERENCES)
    yield from _section("How calmly", tables.calmness(summary), note=_CALM)
    yield from _section("Survival", [], _picture(plots, "survival", "share of the episodes whose pole still stands"))
    yield from _beyond(summary, plots)
    curves = [line for name in families_of(summary) for line in _picture(plots, f"training_{name}", f"training {name}")]
    yield from _section("Training", tables.training(summary), curves)
    yield from _section("One decision", tables.latency(summary), note="One state, one thread, with nothing beside it.")
    yield from _reproduce(summary, folder)
    yield from _limits(summary)


_DIFFERENCES = """Models are the units: means over models, Welch's interval of their difference (95 %), and the paired
one, which uses that the m-th model of either family met the same starts and the same noise. Nine settings are nine
looks: one of them excludes 0 by chance more often than one in twenty."""
_CALM = """Mean step of the first calm window, over the episodes that succeed and converge / standard deviation of the
cart's velocity after each step, pooled over steps and episodes, m/s (mean over models)."""


def _answer(summary: Summary) -> Iterator[str]:
    for name in summary["ceiling"]:
        cells = summary["ceiling"][name]
        stood = sum(cell["success_reached"] for cell in cells)
        calm = sum(cell["convergence_reached"] for cell in cells)
        worst = min(cells, key=lambda cell: cell["success"])
        yield (
            f"- **{name_of(summary, name)}**: success at least 99.5 % in {stood} of {len(cells)} settings "
            f"(lowest {100 * worst['success']:.1f} % at {worst['label']}); convergence within 2 points of the ceiling, "
            f"or above it, in {calm} of {len(cells)}."
        )
    if summary["differences"]:
        a, b = families_of(summary)
        for measure, words in (("convergence", "converges"), ("success", "succeeds")):
            found = summary["differences"]["overall"][measure]
            low, high = (100 * bound for bound in found["paired"] or found["welch"])
            verdict = "no difference is shown" if low <= 0 <= high else f"{a if low > 0 else b} does so more often"
            yield (
                f"- Over all settings {a} {words} in {100 * found['a']:.2f} % of the episodes, {b} in "
                f"{100 * found['b']:.2f} %: a difference of {100 * found['difference']:+.2f} points "
                f"[{low:+.2f}, {high:+.2f}], {verdict}."
            )
    yield ""


def _ceiling_note(summary: Summary) -> str:
    return (
        "Whoever executes actions blind cannot meet the noise that comes in between. *PID ahead* knows all that can be "
        "known before: the expert's controllers with their hidden state, simulated ahead without noise on the same "
        "episodes. The aims: A at least 99.5 %, B at most 2 points below PID ahead; the intervals are over models. "
        "Plain regression by a small network is the reference that any claim must beat."
    )


def _beyond(summary: Summary, plots: dict[str, Path]) -> Iterator[str]:
    """What the training data does not hold, and other lengths."""
    note = (
        "Both families can draw from what they have learnt (temperature 1) instead of taking its middle. The "
        "recordings answer the noise of ±0.05 that they were made under; whoever draws from them answers disturbances "
        "that do not happen this time. *PID ahead, noise imagined* does that with the expert's own controllers, and "
        "bounds a faithful sampler."
    )
    yield from _section("As samplers", tables.sampled(summary), note=note)
    kick = summary["kick"]["rad_per_s"]
    note = (
        f"In the middle of the episode the pole's angular velocity changes by {kick:g} rad/s, forwards or backwards. "
        "No recording holds such a push."
    )
    yield from _section("A push", tables.kick(summary), note=note)
    stock = summary["stock"]
    note = (
        f"Episodes that succeeded and never left ±{stock['angle']:g} rad and ±{stock['cart']:g} m, the limits of "
        "Gymnasium's environment, judged afterwards. Starts reach ±0.5 rad, so many begin outside."
    )
    yield from _section("Within the stock limits", tables.stock(summary), note=note)
    if "long" in summary:
        note = "Standing after 200 / 500 / 1000 steps, %; the interval is that of the last."
        picture = _picture(plots, "long", "survival over 1000 steps")
        yield from _section("1000 steps", tables.long(summary), picture, note=note)
    if "leak" in summary:
        note = (
            f"The same network on the same {summary['leak']['episodes']} episodes, a fifth of which is held out: "
            "windows drawn over all episodes, or whole episodes. A held-out window has near-copies among those that "
            "are trained on: whether the validation loss is worth anything, the loss on episodes that nobody has seen "
            "tells."
        )
        picture = _picture(plots, "leak", "training and validation loss with both ways to split")
        yield from _section("What a leaking split hides", tables.leak(summary), picture, note=note)


def _reproduce(summary: Summary, folder: Path) -> Iterator[str]:
    study, machine = summary["study"], summary["machine"]
    seconds = summary["seconds"]
    yield "## Again"
    yield ""
    options = [f"--preset={study['preset']}", f"--seeds={len(study['seeds'])}"]
    options += [f"--steps={study['steps']}"] if study["steps"] else []
    options += [f"--family={families_of(summary)[0]}"] if len(families_of(summary)) == 1 else []
    yield f"    understudy study pendulum {' '.join(options)} --output_dir=FOLDER"
    yield ""
    yield f"- recorded: {study['demonstrations']} episodes of the expert, a tenth to validate, a tenth for the test"
    yield f"- evaluated: {study['episodes']} episodes of each model in each setting, from the seeds 0, 1, ..."
    names = [str(machine[key]) for key in ("cpu", "gpu") if machine.get(key)]
    yield (
        f"- machine: {', '.join(names) or 'unknown'}, {machine['cores']} cores, {machine['system']}; "
        f"torch {machine.get('torch')}, understudy {summary['version']}"
    )
    yield "- by the clock: " + ", ".join(f"{name} {readable_duration(value)}" for name, value in seconds.items())
    yield f"- one model again: `understudy train --config_path={folder}/FAMILY/config.json --seed=1000`"
    yield "- every episode: `trials/*/*.npz` (numpy, nothing pickled); `tables.md` has the tables alone"
    yield ""


def _limits(summary: Summary) -> Iterator[str]:
    yield "## What it cannot tell"
    yield ""
    yield "- A pendulum with exact states is no robot: no camera, no delay, no friction that changes."
    yield "- The score depends on the length of an episode: where poles fall, they go on falling after 100 steps."
    yield "- The intervals are about these starts, this noise and this expert; the push shows one way to leave them."
    if len(summary["study"]["seeds"]) < 5:
        yield f"- {len(summary['study']['seeds'])} models are too few to say how much training varies."
    if summary["study"]["steps"]:
        yield f"- The models were trained for {summary['study']['steps']} updates, not for as many as the recipe has."
    yield ""


def _section(title: str, table: Iterable[str], picture: Iterable[str] = (), note: str = "") -> Iterator[str]:
    yield f"## {title}"
    yield ""
    if note:
        yield note
        yield ""
    if lines := list(table):
        yield from lines
        yield ""
    yield from picture


def _picture(plots: dict[str, Path], name: str, words: str) -> list[str]:
    return [f"![{words}](plots/{name}.png)", ""] if name in plots else []


def _tables(summary: Summary) -> Iterator[str]:
    """The tables alone, to be pasted."""
    yield from _section("A, success, %", tables.rates(summary, "success"))
    yield from _section("B, convergence, %", tables.rates(summary, "convergence"))
    yield from _section("Against the ceiling", tables.ceiling(summary))
    yield from _section("Differences", tables.differences(summary))
    yield from _section("Steps to convergence / velocity sd", tables.calmness(summary))
    yield from _section("As samplers, A / B, %", tables.sampled(summary))
    yield from _section("After a push, A / B, %", tables.kick(summary))
    yield from _section("Within the stock limits, %", tables.stock(summary))
    if "long" in summary:
        yield from _section("1000 steps, %", tables.long(summary))
    yield from _section("Training", tables.training(summary))
    yield from _section("One decision", tables.latency(summary))
    if "leak" in summary:
        yield from _section("Leak", tables.leak(summary))
