"""The tables of the pendulum study, from its summary.json: each a list of Markdown lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from understudy.core.units import readable_duration

Summary = Mapping[str, Any]

# how a measure is called, its factor and its digits
_MEASURES = {
    "success": ("A, success, points", 100, 1),
    "convergence": ("B, convergence, points", 100, 1),
    "velocity_sd": ("velocity sd, m/s", 1, 3),
}


def name_of(summary: Summary, subject: str) -> str:
    """How the report calls a subject."""
    return str(summary["names"].get(subject, subject))


def families_of(summary: Summary) -> list[str]:
    """The families that were trained."""
    return list(summary["study"]["families"])


def rate_cell(rate: Mapping[str, Any]) -> str:
    """'99.9 [99.4, 100.0] ±0.2'."""
    low, high = (100 * bound for bound in rate["interval"])
    half = "" if rate["half_width"] is None else f" ±{100 * rate['half_width']:.1f}"
    return f"{100 * rate['rate']:.1f} [{low:.1f}, {high:.1f}]{half}"


def rates(summary: Summary, measure: str) -> Iterator[str]:
    """A line a setting, a column a subject: the rate, its exact interval, and the half-width over models."""
    subjects = list(summary["subjects"])
    yield from head("noise/replan", [name_of(summary, subject) for subject in subjects])
    for index, cell in enumerate(summary["subjects"][subjects[0]]["cells"]):
        cells = [rate_cell(summary["subjects"][subject]["cells"][index][measure]) for subject in subjects]
        yield row(cell["label"], cells)


def calmness(summary: Summary) -> Iterator[str]:
    """Steps to convergence and velocity spread, a line a setting."""
    subjects = list(summary["subjects"])
    yield from head("noise/replan", [name_of(summary, subject) for subject in subjects])
    for index, cell in enumerate(summary["subjects"][subjects[0]]["cells"]):
        found = [summary["subjects"][subject]["cells"][index] for subject in subjects]
        yield row(
            cell["label"], [f"{_steps(c['steps_to_convergence'])} / {c['velocity_sd']['mean']:.2f}" for c in found]
        )


def ceiling(summary: Summary) -> Iterator[str]:
    """How far below "PID ahead" each trained subject stays, and whether the aims are reached."""
    subjects = list(summary["ceiling"])
    yield from head("noise/replan", [f"{name_of(summary, s)}: B less PID ahead's" for s in subjects])
    for index, cell in enumerate(summary["ceiling"][subjects[0]]):
        cells = []
        for subject in subjects:
            found = summary["ceiling"][subject][index]
            reached = found["success_reached"] and found["convergence_reached"]
            span = (
                "" if found["interval"] is None else " [{:+.1f}, {:+.1f}]".format(*(100 * x for x in found["interval"]))
            )
            cells.append(f"{100 * found['difference']:+.1f}{span}{'' if reached else ' (missed)'}")
        yield row(cell["label"], cells)


def differences(summary: Summary) -> Iterator[str]:
    """First family minus second: Welch's interval and the paired one, a line a setting, then over all settings."""
    if not summary["differences"]:
        return
    yield from head("noise/replan", [words for words, _, _ in _MEASURES.values()])
    for cell in summary["differences"]["cells"]:
        yield row(cell["label"], [_difference(cell[name], name) for name in _MEASURES])
    overall = summary["differences"]["overall"]
    yield row("**all nine**", [_difference(overall[name], name) for name in _MEASURES])


def _difference(found: Mapping[str, Any], measure: str) -> str:
    _, factor, digits = _MEASURES[measure]

    def span(interval: Sequence[float]) -> str:
        return f"[{factor * interval[0]:+.{digits}f}, {factor * interval[1]:+.{digits}f}]"

    paired = "" if found["paired"] is None else f", paired {span(found['paired'])}"
    return f"{factor * found['difference']:+.{digits}f} {span(found['welch'])}{paired}"


def kick(summary: Summary) -> Iterator[str]:
    """A and B after a kick, a line a setting."""
    yield from _a_and_b(summary, summary["kick"]["subjects"])


def sampled(summary: Summary) -> Iterator[str]:
    """A and B of the families as samplers, beside what bounds these."""
    bound = {"pid_imagined": summary["subjects"]["pid_imagined"]}
    yield from _a_and_b(summary, {**summary["sampled"], **bound})


def long(summary: Summary) -> Iterator[str]:
    """Share of episodes that stand after 200, 500 and 1000 steps, with the exact interval of the last."""
    subjects = list(summary["long"])
    yield from head("noise/replan", [name_of(summary, subject) for subject in subjects])
    for index, cell in enumerate(summary["long"][subjects[0]]["cells"]):
        cells = []
        for subject in subjects:
            curve = summary["long"][subject]["survival"][index]
            at = [100 * (curve[step] if step < len(curve) else curve[-1]) for step in (200, 500)]
            last = rate_cell(summary["long"][subject]["cells"][index]["success"])
            cells.append(f"{at[0]:.1f} / {at[1]:.1f} / {last}")
        yield row(cell["label"], cells)


def stock(summary: Summary) -> Iterator[str]:
    """Who never left the limits of the unmodified environment."""
    found = summary["stock"]["subjects"]
    yield from head("noise/replan", [name_of(summary, subject) for subject in found])
    for index, cell in enumerate(next(iter(found.values()))):
        yield row(cell["label"], [rate_cell(cells[index]) for cells in found.values()])


def training(summary: Summary) -> Iterator[str]:
    """Size and cost of each family."""
    yield from head("family", ["parameters", "updates", "batch", "time of a model", "held-out loss", "action error"])
    for family, found in summary["training"].items():
        seconds = [s for s in found["seconds"] if s is not None]
        updates = sorted(set(found["updates"]))
        cells = [
            f"{found['parameters']:,}" if found["parameters"] else "",
            f"{updates[0]:,}" if len(updates) == 1 else f"{updates[0]:,} to {updates[-1]:,}",
            str(found["batch_size"]),
            readable_duration(sum(seconds) / len(seconds)) if seconds else "",
            _mean(found["held_out_loss"]),
            _mean(found["action_error"]),
        ]
        yield row(family, cells)


def latency(summary: Summary) -> Iterator[str]:
    """Milliseconds of one decision."""
    yield from head("family", ["what", "median, ms", "99 %, ms", "measured"])
    for family, ways in summary["latency"].items():
        for way, found in ways.items():
            yield row(family, [way, f"{found['median_ms']:.2f}", f"{found['p99_ms']:.2f}", f"{found['n']} times"])


def leak(summary: Summary) -> Iterator[str]:
    """Validation loss and true success for both ways to split."""
    columns = ["validation loss", "loss on new episodes", "A, all settings", "B, all settings"]
    yield from head("held out", columns)
    for split, words in (("window", "a fifth of the windows"), ("episode", "a fifth of the episodes")):
        found = summary["leak"][split]
        losses = [_mean(found[loss]) for loss in ("validation_loss", "new_loss")]
        yield row(words, [*losses, rate_cell(found["success"]), rate_cell(found["convergence"])])


def _a_and_b(summary: Summary, subjects: Mapping[str, Any]) -> Iterator[str]:
    yield from head("noise/replan", [f"{name_of(summary, subject)}: A / B" for subject in subjects])
    for index, cell in enumerate(next(iter(subjects.values()))["cells"]):
        found = [subject["cells"][index] for subject in subjects.values()]
        cells = [f"{100 * c['success']['rate']:.1f} / {100 * c['convergence']['rate']:.1f}" for c in found]
        yield row(cell["label"], cells)


def head(first: str, columns: Sequence[str]) -> list[str]:
    """The two lines that a table begins with; all columns but the first hold numbers."""
    return [f"| {first} | {' | '.join(columns)} |", f"| --- |{' --: |' * len(columns)}"]


def row(first: str, cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {first} | {' | '.join(cells)} |"


def _steps(steps: float | None) -> str:
    return "none" if steps is None else f"{steps:.1f}"


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.4f}" if known else ""
