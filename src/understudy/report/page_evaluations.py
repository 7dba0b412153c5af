"""The parts of a run's page about what it can do: in simulation, and on recordings it did not learn from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from understudy.core.run_folder import RunFolder
from understudy.core.units import counted, first_of

from .events import History, lookup, number, section
from .judgements import Judgement, interval, measured_while_training, rate
from .page_pictures import pictures, small_pictures

# a recording's episodes are named while they are few
_MOST_NAMED = 12


def simulation_part(judged: Sequence[Judgement], history: History, run: RunFolder) -> Iterator[str]:
    """Success with k, n and interval: of the evaluations, then of those made while it trained."""
    measured = measured_while_training(history)
    if not judged and not measured:
        return
    yield "## In simulation"
    yield ""
    if judged:
        yield from _table(judged)
        for j in judged:
            yield from _failures(j)
        protocols = {j.summary["protocol"]["hash"][:12]: _seeds(j) for j in judged}
        yield "Protocols: " + ", ".join(f"`{short}` ({seeds})" for short, seeds in protocols.items()) + "."
        yield ""
        for j in judged:
            yield from _videos(j, run.path)
    if measured:
        yield "While training:"
        yield ""
        yield "| updates | task | success | interval | mean progress |"
        yield "| --: | --- | --: | --: | --: |"
        for event in measured:
            progress = number(event.get("progress_mean"))
            cells = [f"{event['step']:,}", str(event.get("env", "")), rate(event), interval(event)]
            yield f"| {' | '.join([*cells, '' if progress is None else f'{progress:.2f}'])} |"
        yield ""
    yield from pictures(run, ("success",))
    for j in judged:
        yield from _stills(j, run.path)


def _table(judged: Sequence[Judgement]) -> Iterator[str]:
    summary = judged[0].summary
    yield f"| who | task | success | {summary['confidence']:.0%} interval | mean progress | steps to success |"
    yield "| --- | --- | --: | --: | --: | --: |"
    for j in judged:
        steps = number(lookup(j.summary, "steps_to_success.mean"))
        yield _row(j.who, j, "" if steps is None else f"{steps:.0f}")
        for name, other in j.beside():
            yield _row(name, other, "")
    yield ""
    yield f"Intervals: {summary['method']}. Steps to success are the mean over the episodes that succeeded."
    yield ""


def _row(who: str, judgement: Judgement, steps: str) -> str:
    s = judgement.summary
    return f"| {who} | {s['env']} | {rate(s)} | {interval(s)} | {s['progress_mean']:.2f} | {steps} |"


def _failures(judgement: Judgement) -> Iterator[str]:
    reasons = section(judgement.summary, "reasons")
    failed = [f"{reason} ({count})" for reason, count in reasons.items() if reason != "success"]
    if failed:
        who = judgement.who
        yield f"{who[0].upper()}{who[1:]}, failed by: {', '.join(failed)}."
        yield ""


def _videos(judgement: Judgement, home: Path) -> Iterator[str]:
    videos = sorted([*judgement.path.glob("*.mp4"), *judgement.path.glob("videos/*.mp4")])
    if videos:
        links = [f"[{video.name}]({os.path.relpath(video, home)})" for video in videos]
        yield f"Videos of {judgement.who}, in the run's folder: {', '.join(links)}"
        yield ""


def _stills(judgement: Judgement, home: Path) -> Iterator[str]:
    # how standing still fails is no news
    for picture in sorted(judgement.path.glob("*.png")) if judgement.is_own else []:
        yield f"![{judgement.who}: {picture.stem}]({os.path.relpath(picture, home)})"
        yield f"*{judgement.who}: {picture.stem}*"
        yield ""


def _seeds(judgement: Judgement) -> str:
    seeds = judgement.summary["protocol"].get("seeds")
    if not isinstance(seeds, dict) or "first" not in seeds:
        return f"n = {judgement.summary['n']}"
    return f"seeds {seeds['first']} to {seeds['first'] + seeds['count'] - 1}"


def recordings_part(judged: Sequence[Judgement], run: RunFolder) -> Iterator[str]:
    """The newest evaluation on recordings: errors of each joint, beside those of what needs no training."""
    if not judged:
        return
    # what it does when it is told something else says little about the policy
    own = [judgement for judgement in judged if judgement.is_own] or list(judged)
    shown, summary = own[-1], own[-1].summary
    yield "## On recordings it did not learn from"
    yield ""
    newest = f" The newest of {len(own)} such evaluations: {shown.path.name}." if len(own) > 1 else ""
    over = f"{counted(summary['frames'], 'frame')} of {named_episodes(summary['episodes'])}"
    if shown.task:
        over += f", each with the words “{shown.task}”"
    yield f"Mean absolute error of the predicted actions in the dataset's units, over {over}.{newest}"
    yield ""
    others = dict(summary["baselines"])
    yield "| joint | policy | " + " | ".join(others) + " |"
    yield "| --- | --: |" + " --: |" * len(others)
    for joint, error in summary["action_mae"].items():
        cells = [error, *(section(others, name).get(joint) for name in others)]
        yield f"| {joint} | {' | '.join(map(_figure, cells))} |"
    if number(summary.get("action_error")) is not None:
        beside = section(summary, "baselines_action_error")
        cells = [summary["action_error"], *(beside.get(name) for name in others)]
        yield f"| all, in standard deviations | {' | '.join(map(_figure, cells))} |"
    yield ""
    first, *sentences = re.split(r"\. (?=[A-Z])", str(summary.get("verdict") or ""))
    if first:
        yield f"The policy is {first}."
        yield ""
        yield from (f"- {sentence}." for sentence in sentences)
        yield ""
    yield from pictures(run, ("actions_predicted",))
    yield from small_pictures(run, replays=True)
    yield from pictures(run, ("error_by_step", "probes", "seams", "horizon_choice"))


def named_episodes(episodes: Sequence[int]) -> str:
    """'3 episodes (21, 22, 23)'."""
    shown = first_of(episodes, _MOST_NAMED)
    return f"{counted(len(episodes), 'episode')} ({shown})"


def _figure(value: object) -> str:
    found = number(value)
    return "" if found is None else f"{found:.3g}"
