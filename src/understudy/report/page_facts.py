"""The parts of a run's page that are about the run itself: findings, options, checkpoints, how to repeat it, limits.

Every number is read from events and files here, by code; nothing is said that they do not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.core.describe import written
from understudy.core.events import Event
from understudy.core.run_folder import RunFolder
from understudy.core.units import counted, readable_bytes, readable_duration

from .events import History, number, section
from .judgements import measured_while_training, rate
from .page_training import energy_wh

_MOST_CHECKPOINTS = 10


def findings_part(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the doctor found, the gravest first."""
    yield "## What the doctor says"
    yield ""
    if not findings:
        yield "Nothing was found."
    for finding in findings:
        yield f"- **{finding['severity']}**: {finding['message']}. *{finding['remedy']}* (`{finding['rule']}`)"
    yield ""


def options_part(changed: Sequence[tuple[str, Any, Any]]) -> Iterator[str]:
    """Every option that differs from its default, as (name, value, default)."""
    if not changed:
        return
    yield "## Options that differ from their defaults"
    yield ""
    yield "| option | value | default |"
    yield "| --- | --- | --- |"
    for name, value, default in changed:
        yield f"| `{name}` | {_shown(value)} | {_shown(default)} |"
    yield ""


def _shown(value: Any) -> str:
    text = written(value)
    return (text if len(text) <= 80 else text[:77] + "...").replace("|", "\\|").replace("\n", " ")


def checkpoints_part(history: History, events: Sequence[Event], run: RunFolder) -> Iterator[str]:
    """The checkpoints that were written and, of those that are still there, what was measured of them."""
    saved = [event for event in events if event["event"] == "checkpoint" and number(event.get("step")) is not None]
    if not saved:
        return
    size = sum(number(event.get("bytes")) or 0 for event in saved)
    seconds = sum(number(event.get("seconds")) or 0 for event in saved)
    yield "## Checkpoints"
    yield ""
    took = f" in {readable_duration(seconds)}" if seconds else ""
    yield (
        f"Written {counted(len(saved), 'time')}: {readable_bytes(int(size))}{took}; "
        f"the last at step {int(saved[-1]['step']):,}{_best(saved)}."
    )
    yield ""
    if "version" in history.started:
        there = {int(path.name) for path in run.saved_checkpoints()}
    else:
        there = {int(event["step"]) for event in saved}
    rows = [_checkpoint(step, saved, history) for step in sorted(there)[-_MOST_CHECKPOINTS:]]
    if rows:
        if len(there) > len(rows):
            yield f"The last {len(rows)} of the {len(there)} that are in `checkpoints/`:"
        else:
            yield f"In `checkpoints/` {'is' if len(rows) == 1 else 'are'}:"
        yield ""
        yield "| step | kept because | held-out action error | success | size |"
        yield "| --: | --- | --: | --: | --: |"
        yield from rows
        yield ""


def _best(saved: Sequence[Event]) -> str:
    best = [int(event["step"]) for event in saved if "best" in event.get("reasons", [])]
    return f", the best one at step {best[-1]:,}" if best else ""


def _checkpoint(step: int, saved: Sequence[Event], history: History) -> str:
    of_it = [event for event in saved if event.get("step") == step]
    reasons = dict.fromkeys(str(reason) for event in of_it for reason in event.get("reasons", []))
    errors = [number(event.get("action_error")) for event in history.validations if event.get("step") == step]
    successes = [rate(event) for event in measured_while_training(history) if event.get("step") == step]
    size = number(of_it[-1].get("bytes")) if of_it else None
    cells = [
        f"{step:,}",
        ", ".join(reasons),
        f"{errors[-1]:.3g}" if errors and errors[-1] is not None else "",
        successes[-1] if successes else "",
        "" if size is None else readable_bytes(size),
    ]
    return f"| {' | '.join(cells)} |"


def reproduce_part(history: History, run: RunFolder) -> Iterator[str]:
    """The commands that make this run again, and what else has to be the same."""
    started = history.started
    if "version" not in started:
        return  # another program's
    machine = section(started, "machine")
    yield "## How to make it again"
    yield ""
    yield (
        "The complete configuration is in `train_config.json`, the split in `split.json`, every event in "
        "`events.jsonl`."
    )
    yield ""
    yield f"    understudy train --config_path={run.path}/train_config.json --output_dir=ANOTHER"
    yield ""
    yield "It was begun by"
    yield ""
    yield f"    {_command(str(started.get('command')))}"
    yield ""
    precision, threads, torch = started.get("precision"), machine.get("threads"), machine.get("torch")
    yield (
        f"with the configuration `{started.get('config_hash')}`. The same weights bit for bit need the same data, "
        f"precision ({precision}), number of threads ({threads}) and torch ({torch})."
    )
    yield ""


def _command(command: str) -> str:
    """As it would be typed: without the place that the program lies in."""
    program, _, options = command.partition(" ")
    return f"understudy {options}" if Path(program).name in ("__main__.py", "understudy") else command


def limits_part(history: History, *, simulated: bool, on_recordings: bool) -> Iterator[str]:
    """What this page cannot know, given what was measured."""
    yield "## What this page cannot tell"
    yield ""
    if not simulated:
        yield "- How often the policy succeeds: it was executed nowhere. No loss and no error stands for that."
    else:
        yield "- Success on a real robot: masses, friction, light and delays differ from the simulation's."
    if not on_recordings and not history.validations:
        yield "- How it does on what it has not seen: nothing was held out."
    yield "- Whether another training seed would do as well: one run is one draw; see `understudy ensemble`."
    if not history.telemetry:
        yield "- What the machine did: no telemetry was recorded."
    elif energy_wh(history) is None:
        yield "- What it cost in energy: no power was measured."
    else:
        yield "- What the whole machine took: the power of the GPU was measured, not that of the rest."
    yield ""
