"""report.md: one page that says how a run went, made from the run folder's files alone.

First the answer (does it work, of how many, how sure), then what it was compared with, then how it was trained. A rate
stands with its n and interval, and a loss says that it is not a success rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.core.events import Event, read_events
from understudy.core.files import json_or_empty, write_atomically
from understudy.core.lineage import read_lineage
from understudy.core.run_folder import RunFolder

from .events import History, history_of, lookup, number
from .html import html_page
from .judgements import Judgement, Judgements, interval_of, measured_while_training, read_judgements, told
from .page_course import course_part
from .page_evaluations import recordings_part, simulation_part
from .page_facts import checkpoints_part, findings_part, limits_part, options_part, reproduce_part
from .page_training import opening, training_part


def write_page(
    run: RunFolder,
    *,
    events: Sequence[Event] | None = None,
    findings: Sequence[Mapping[str, Any]] = (),
    changed: Sequence[tuple[str, Any, Any]] = (),
) -> Path:
    """Write the run's report.md, and report.html, the same in one file. Raises DiskFull.

    events     of the run, where they have been read already
    findings   what the doctor says of the run, as the `finding` events hold it
    changed    options that differ from their defaults, as (name, value, default)
    """
    text = page_text(run, read_events(run.events) if events is None else events, findings, changed)
    page = run.path / "report.md"
    write_atomically(page, text)
    write_atomically(page.with_suffix(".html"), html_page(text, run.path))
    return page


def page_text(
    run: RunFolder,
    events: Sequence[Event],
    findings: Sequence[Mapping[str, Any]] = (),
    changed: Sequence[tuple[str, Any, Any]] = (),
) -> str:
    """The page in Markdown."""
    history, judged = history_of(events), read_judgements(run)
    config, split = json_or_empty(run.config), json_or_empty(run.split)
    executed = bool(judged.simulated or measured_while_training(history))
    lines = [
        f"# {_title(history, run)}",
        "",
        *opening(history, events, config, split),
        *_answer(judged, history),
        *simulation_part(judged.simulated, history, run),
        *recordings_part(judged.recorded, run),
        *_damaged(judged, run),
        *findings_part(findings),
        *training_part(history, events, config, split, read_lineage(run)),
        *course_part(history, run),
        *options_part(changed),
        *checkpoints_part(history, events, run),
        *reproduce_part(history, run),
        *limits_part(history, simulated=executed, on_recordings=bool(judged.recorded)),
    ]
    return "\n".join(lines) + "\n"


def _title(history: History, run: RunFolder) -> str:
    policy, dataset = lookup(history.started, "policy.type"), lookup(history.started, "dataset.repo_id")
    return f"{policy} on {dataset}" if policy and dataset else str(history.started.get("name", run.path.name))


def _answer(judged: Judgements, history: History) -> Iterator[str]:
    """Whether it works, as well as that is known."""
    own = {str(j.summary["env"]): j for j in judged.simulated if j.is_own}
    if own:
        # of each task the newest
        for judgement in own.values():
            yield from _executed(judgement)
    elif measured := measured_while_training(history):
        yield from _while_training(measured)
    elif recorded := [judgement for judgement in judged.recorded if judgement.is_own]:
        yield from _on_recordings(recorded[-1])
    else:
        yield from _by_events(history)
    yield ""


def _executed(judgement: Judgement) -> Iterator[str]:
    summary = judgement.summary
    yield f"**{summary['env']}: {told(summary)} of episodes it never saw.**"
    yield ""
    yield from _in_words(summary)
    others = [f"{name} {other.summary['successes']}/{other.summary['n']}" for name, other in judgement.beside()]
    if others:
        yield f"For comparison, on the same task: {', '.join(others)}."


def _in_words(measured: Mapping[str, Any]) -> Iterator[str]:
    bounds = interval_of(measured)
    if bounds is not None:
        yield (
            f"In words: it succeeds in somewhere between {bounds[0]:.0%} and {bounds[1]:.0%} of such episodes; "
            f"{measured['n']} episodes say no more than that."
        )


def _while_training(evaluations: Sequence[Event]) -> Iterator[str]:
    last = evaluations[-1]
    yield f"**{last.get('env', 'simulation')}: {told(last)} after {last['step']:,} updates, measured while training.**"
    yield ""
    yield from _in_words(last)
    if len(evaluations) > 1:
        yield (
            f"It was measured {len(evaluations)} times and the best checkpoint chosen by it: measure that one on new "
            "episodes (`understudy eval`) before you quote it."
        )


def _on_recordings(judgement: Judgement) -> Iterator[str]:
    first = str(judgement.summary.get("verdict") or "").split(". ")[0]
    if first:
        frames = judgement.summary["frames"]
        yield f"**On {frames:,} frames of recordings it did not learn from, its actions are {first}.**"
        yield ""
    yield "That is no success rate: the policy was executed nowhere (`understudy eval --env.type=TASK` does it)."


def _by_events(history: History) -> Iterator[str]:
    last = history.validations[-1] if history.validations else {}
    error = number(last.get("action_error"))
    if error is not None:
        beside = [
            f"{words} {value:.3g}"
            for name, words in (("hold", "holding the last action"), ("mean", "the mean action"))
            if (value := number(lookup(last, f"baselines.{name}"))) is not None
        ]
        compared = f" ({', '.join(beside)})" if beside else ""
        yield (
            f"**On recordings it did not learn from, its actions are {error:.3g} of a standard deviation off, "
            f"after {last['step']:,} updates{compared}.**"
        )
        yield ""
    command = " (`understudy eval` does it)" if "version" in history.started else ""
    yield (
        f"Whether it works is not known: the policy was executed nowhere{command}. "
        "Losses and errors are no success rates."
    )


def _damaged(judged: Judgements, run: RunFolder) -> Iterator[str]:
    if judged.damaged:
        names = ", ".join(f"`{path.relative_to(run.path)}`" for path in judged.damaged)
        yield f"Left out, because it cannot be read or lacks numbers: {names}."
        yield ""
