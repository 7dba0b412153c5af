"""The parts of a run's page that are about the run itself: findings, options, phases, energy, checkpoints, limits.

Every number is read from events and files here, by code; nothing is said that they do not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from understudy.core.events import Event
from understudy.core.units import readable_bytes

from .events import History, lookup, number, series

# where a run is cut into phases: its begin is fast, its end is what counts
_PHASES = ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.0))
_COLUMNS = ("loss", "l1_loss", "kld_loss", "grad_norm", "clipped_fraction", "lr")


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
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return (text if len(text) <= 80 else text[:77] + "...").replace("|", "\\|").replace("\n", " ")


def phases_part(history: History) -> Iterator[str]:
    """Means of what was logged, by phase of the run."""
    steps, _ = series(history.steps, "loss")
    if len(steps) < 2 * len(_PHASES):
        return
    names = [name for name in _COLUMNS if len(series(history.steps, name)[1])]
    held_out = "action_error" if len(series(history.validations, "action_error")[1]) else "loss"
    columns = [*names, *([f"held-out {held_out.replace('_', ' ')}"] if history.validations else [])]
    yield "## Phase by phase"
    yield ""
    yield "| steps | " + " | ".join(columns) + " |"
    yield "| --- |" + " --: |" * len(columns)
    for begin, end in _PHASES:
        low, high = begin * steps[-1], end * steps[-1]
        cells = [_mean(history.steps, name, low, high) for name in names]
        if history.validations:
            cells.append(_mean(history.validations, held_out, low, high))
        yield f"| {low:,.0f} to {high:,.0f} | " + " | ".join(cells) + " |"
    yield ""
    yield "Means over each phase. A loss says how well demonstrations are reproduced; it is not a success rate."
    yield ""


def _mean(events: list[Event], name: str, low: float, high: float) -> str:
    steps, values = series(events, name)
    part = values[(steps > low) & (steps <= high)]
    return f"{np.mean(part):.3g}" if len(part) else ""


def energy_wh(history: History) -> float | None:
    """Energy that the GPU took, from the power that was measured; None where none was."""
    seconds, watts = series(history.telemetry, "gpu_power_w", x="time")
    if len(seconds) < 2:
        return None
    # a run that was resumed has gaps, in which nobody knows what the GPU did
    passed = np.diff(seconds)
    usual = 10 * float(np.median(passed))
    counted = passed < usual
    return float((passed * (watts[1:] + watts[:-1]) / 2)[counted].sum() / 3600)


def checkpoints_part(events: Sequence[Event]) -> Iterator[str]:
    """The checkpoints that were written."""
    saved = [event for event in events if event["event"] == "checkpoint"]
    if not saved:
        return
    size = sum(number(event.get("bytes")) or 0 for event in saved)
    seconds = sum(number(event.get("seconds")) or 0 for event in saved)
    best = [int(event["step"]) for event in saved if "best" in event.get("reasons", [])]
    yield "## Checkpoints"
    yield ""
    yield (
        f"{len(saved)} written, {readable_bytes(int(size))} in {seconds:.0f} s; the last at step "
        f"{int(saved[-1]['step']):,}" + (f", the best one at step {best[-1]:,}" if best else "") + "."
    )
    yield ""


def reproduce_part(history: History) -> Iterator[str]:
    """The commands that make this run again, and what else has to be the same."""
    started = history.started
    if "version" not in started:
        return  # another program's
    machine = lookup(started, "machine") or {}
    yield "## How to make it again"
    yield ""
    yield (
        "The complete configuration is in `train_config.json`, the split in `split.json`, every event in "
        "`events.jsonl`."
    )
    yield ""
    yield "    understudy train --config_path=RUN/train_config.json --output_dir=ANOTHER"
    yield ""
    precision, threads, torch = started.get("precision"), machine.get("threads"), machine.get("torch")
    yield (
        f"It was begun by `{started.get('command')}`, configuration `{started.get('config_hash')}`, dataset "
        f"`{str(lookup(started, 'dataset.fingerprint'))[:16]}`. The same weights bit for bit need the same precision "
        f"({precision}), number of threads ({threads}) and torch ({torch})."
    )
    yield ""


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
    yield ""
