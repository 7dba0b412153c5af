"""report.md: one page that says how a run went, made from the run folder's files alone.

First the answer (does it work, of how many, how sure), then what it was compared with, then how it was trained. A rate
stands with its n and interval, and a loss says that it is not a success rate.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.core.events import read_events
from understudy.core.files import write_atomically
from understudy.core.run_folder import RunFolder
from understudy.core.units import readable_duration

from .events import History, history_of, lookup
from .html import html_page
from .page_facts import (
    checkpoints_part,
    energy_wh,
    findings_part,
    limits_part,
    options_part,
    phases_part,
    reproduce_part,
)

# picture -> what to look for in it; pictures without a line here are listed without one
_PLOTS = {
    "success": "success in simulation while training",
    "overall_loss": "the loss; where the held-out curve turns up while the other falls, it memorises",
    "validation": "held-out action error beside policies that need no training",
    "actions_predicted": "an episode as demonstrated and as predicted",
    "error_by_step": "held-out error by how far ahead one looks",
    "probes": "what the policy looks at: its error with one input spoiled",
    "seams": "how far joints jump from one chunk to the next, beside the demonstrator's steps",
    "horizon_choice": "error and roughness of other ways to execute the chunks, on validation episodes",
}


@dataclass(frozen=True)
class Judgement:
    """One evaluation of the run: its folder and its summary."""

    path: Path
    summary: dict[str, Any]

    @property
    def simulated(self) -> bool:
        return "successes" in self.summary

    def rate(self) -> str:
        """'46/50 = 92.0 % (95 % interval 80.8 to 97.8 %)'."""
        s = self.summary
        low, high = s["interval"]
        return (
            f"{s['successes']}/{s['n']} = {s['success_rate']:.1%} "
            f"({s['confidence']:.0%} interval {low:.1%} to {high:.1%}, {s['method']})"
        )


def write_page(
    run: RunFolder,
    *,
    findings: Sequence[Mapping[str, Any]] = (),
    changed: Sequence[tuple[str, Any, Any]] = (),
) -> Path:
    """Write the run's report.md, and report.html, the same in one file. Raises DiskFull.

    findings   what the doctor says of the run, as the `finding` events hold it
    changed    options that differ from their defaults, as (name, value, default)
    """
    events = read_events(run.events)
    history = history_of(events)
    judged = read_judgements(run)
    simulated = [j for j in judged if j.simulated]
    recorded = [j for j in judged if not j.simulated]
    lines = [
        f"# {_title(history, run)}",
        "",
        *_answer(judged),
        *_simulated(simulated, run.path),
        *_held_out(recorded),
        *findings_part(findings),
        *_training(history),
        *phases_part(history),
        *options_part(changed),
        *checkpoints_part(events),
        *_pictures(run),
        *reproduce_part(history),
        *limits_part(history, simulated=bool(simulated), on_recordings=bool(recorded)),
    ]
    page = run.path / "report.md"
    text = "\n".join(lines) + "\n"
    write_atomically(page, text)
    write_atomically(page.with_suffix(".html"), html_page(text, run.path))
    return page


def _title(history: History, run: RunFolder) -> str:
    policy, dataset = lookup(history.started, "policy.type"), lookup(history.started, "dataset.repo_id")
    return f"{policy} on {dataset}" if policy and dataset else str(history.started.get("name", run.path.name))


def read_judgements(run: RunFolder) -> list[Judgement]:
    """Every finished evaluation in the run's eval/, oldest first."""
    found = list(run.eval.glob("*/summary.json"))
    found.sort(key=lambda path: path.stat().st_mtime_ns)
    return [Judgement(path.parent, json.loads(path.read_text())) for path in found]


def _answer(judged: Sequence[Judgement]) -> Iterator[str]:
    own = [j for j in judged if j.simulated and _is_own(j)]
    if own:
        best = own[-1]
        yield f"**{best.summary['env']}: {best.rate()} of episodes it never saw.**"
        low = best.summary["interval"][0]
        yield ""
        yield f"In words: that the policy truly succeeds less often than {low:.0%} of the time would surprise."
    elif judged:
        yield "Nothing was executed: what follows are errors on recordings, which are not success rates."
    else:
        yield (
            "This run has not been evaluated yet (`understudy eval --policy.path=RUN --env.type=TASK`): what follows "
            "are curves, which are not success rates."
        )
    yield ""


def _is_own(judgement: Judgement) -> bool:
    """Whether it judges the run's policy as it is, neither a reference nor one that was blinded."""
    return not judgement.summary.get("reference") and not judgement.summary["protocol"].get("probe")


def _simulated(judged: Sequence[Judgement], home: Path) -> Iterator[str]:
    if not judged:
        return
    yield "## In simulation"
    yield ""
    yield "| who | task | success | mean progress | steps to success |"
    yield "| --- | --- | --- | --: | --: |"
    for j in judged:
        steps = (j.summary.get("steps_to_success") or {}).get("mean")
        took = "" if steps is None else f"{steps:.0f}"
        yield f"| {_who(j)} | {j.summary['env']} | {j.rate()} | {j.summary['progress_mean']:.2f} | {took} |"
        for name, beside in j.summary.get("beside", {}).items():
            other = Judgement(Path(beside["path"]), j.summary | beside)
            yield f"| {name} | {j.summary['env']} | {other.rate()} | {beside['progress_mean']:.2f} | |"
    yield ""
    for j in judged:
        yield from _failures(j)
    protocols = {j.summary["protocol"]["hash"][:12]: _seeds(j) for j in judged}
    yield "Protocols: " + ", ".join(f"`{short}` ({seeds})" for short, seeds in protocols.items()) + "."
    yield ""
    for j in judged:
        yield from _seen(j, home)


def _failures(judgement: Judgement) -> Iterator[str]:
    reasons = judgement.summary.get("reasons", {})
    failed = [f"{reason} ({count})" for reason, count in reasons.items() if reason != "success"]
    if failed:
        yield f"{_who(judgement)} failed by: {', '.join(failed)}."
        yield ""


def _seen(judgement: Judgement, home: Path) -> Iterator[str]:
    """Its videos and pictures."""
    videos = sorted([*judgement.path.glob("*.mp4"), *judgement.path.glob("videos/*.mp4")])
    if videos:
        links = [f"[{video.name}]({os.path.relpath(video, home)})" for video in videos]
        yield f"Videos of {_who(judgement)}: {', '.join(links)}"
        yield ""
    # how standing still fails is no news
    for picture in sorted(judgement.path.glob("*.png")) if _is_own(judgement) else []:
        yield f"![{_who(judgement)}: {picture.stem}]({os.path.relpath(picture, home)})"
        yield ""


def _who(judgement: Judgement) -> str:
    probe = judgement.summary["protocol"].get("probe")
    name = judgement.summary.get("reference") or "the policy"
    return f"{name}, {probe}" if probe else str(name)


def _seeds(judgement: Judgement) -> str:
    seeds = judgement.summary["protocol"].get("seeds")
    if not isinstance(seeds, dict) or "first" not in seeds:
        return f"n = {judgement.summary['n']}"
    return f"seeds {seeds['first']} to {seeds['first'] + seeds['count'] - 1}"


def _held_out(judged: Sequence[Judgement]) -> Iterator[str]:
    if not judged:
        return
    summary = judged[-1].summary
    yield "## On recordings it did not learn from"
    yield ""
    yield f"Mean absolute error of the predicted actions, {summary['frames']} frames of episodes {summary['episodes']}:"
    yield ""
    others = dict(summary["baselines"])
    yield "| joint | policy | " + " | ".join(others) + " |"
    yield "| --- | --: |" + " --: |" * len(others)
    for joint, error in summary["action_mae"].items():
        yield f"| {joint} | {error:.3g} | " + " | ".join(f"{table[joint]:.3g}" for table in others.values()) + " |"
    yield ""
    if summary.get("verdict"):
        yield f"It is {summary['verdict']}."
        yield ""


def _training(history: History) -> Iterator[str]:
    if not history.started:
        return
    yield "## How it was trained"
    yield ""
    started, last = history.started, history.steps[-1] if history.steps else {}
    policy, dataset, machine = (lookup(started, name) or {} for name in ("policy", "dataset", "machine"))
    energy = energy_wh(history)
    parts = {
        "policy": [policy.get("type"), _counted(policy.get("parameters"), "parameters")],
        "dataset": [dataset.get("repo_id"), *_recorded(dataset)],
        "updates": [
            f"{last.get('step', 0):,.0f}",
            last.get("epochs") and f"{last['epochs']:,.1f} passes over the frames",
        ],
        "time": [_spent(history)],
        "energy": [energy and f"{energy:,.0f} Wh taken by the GPU, from its measured power"],
        "machine": [
            machine.get("cpu"),
            _counted(machine.get("cores"), "cores"),
            machine and (machine.get("gpu") or "no GPU"),
            machine.get("torch") and f"torch {machine['torch']}",
        ],
        "version": [started.get("version") and f"understudy {started['version']}"],
        "told by": [None if started.get("version") else started.get("command")],
    }
    rows = {name: ", ".join(str(part) for part in said if part) for name, said in parts.items()}
    for name, value in rows.items():
        if value:
            yield f"- {name}: {value}"
    yield ""


def _counted(count: Any, what: str) -> str | None:
    return f"{count:,} {what}" if isinstance(count, int) else None


def _recorded(dataset: Mapping[str, Any]) -> list[str | None]:
    frames, fps = dataset.get("frames"), dataset.get("fps")
    lasts = f"{readable_duration(frames / fps)} of demonstration" if frames and fps else None
    return [_counted(dataset.get("episodes"), "episodes"), _counted(frames, "frames"), lasts]


def _spent(history: History) -> str | None:
    seconds = sum(
        (event.get("update_s", 0) + event.get("data_s", 0)) * count
        for event, count in zip(history.steps, _counts(history.steps), strict=True)
    )
    data = sum(e.get("data_s", 0) * c for e, c in zip(history.steps, _counts(history.steps), strict=True))
    if not seconds:
        return None
    return f"{readable_duration(seconds)} in updates, {data / seconds:.1%} of it waiting for data"


def _counts(steps: Sequence[dict[str, Any]]) -> list[int]:
    """How many updates each event is the mean of."""
    ends = [0, *[int(event["step"]) for event in steps]]
    return [after - before for before, after in itertools.pairwise(ends)]


def _pictures(run: RunFolder) -> Iterator[str]:
    plots = sorted(run.plots.glob("*.png"))
    if not plots:
        return
    yield "## Curves"
    yield ""
    for plot in sorted(
        plots, key=lambda p: (p.stem not in _PLOTS, list(_PLOTS).index(p.stem) if p.stem in _PLOTS else 0)
    ):
        if plot.stem in _PLOTS:
            yield f"![{_PLOTS[plot.stem]}]({os.path.relpath(plot, run.path)})"
            yield f"*{_PLOTS[plot.stem]}*"
            yield ""
    others = [p for p in plots if p.stem not in _PLOTS]
    if others:
        yield "More: " + ", ".join(f"[{p.stem}]({os.path.relpath(p, run.path)})" for p in others)
        yield ""
