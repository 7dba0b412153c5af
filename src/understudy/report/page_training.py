"""The parts of a run's page that say what was trained on what, by how much work and at which price."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from understudy.core.events import Event
from understudy.core.lineage import NOTHING, Lineage, told
from understudy.core.units import counted, readable_duration

from .events import History, lookup, number, section, series
from .page_evaluations import named_episodes

_STARTS = ("run_started", "run_resumed")
_ENDS = {"run_finished": "finished", "run_interrupted": "stopped", "run_failed": "failed"}
_MOST_TASKS = 5


def opening(
    history: History, events: Sequence[Event], config: Mapping[str, Any], split: Mapping[str, Any]
) -> Iterator[str]:
    """In a sentence: which policy, of what size, on what, how long, and whether it came to its end."""
    policy, dataset = lookup(history.started, "policy.type"), lookup(history.started, "dataset.repo_id")
    if not policy and not dataset:
        return
    known = section(history.started, "policy")
    size = number(known.get("parameters", known.get("trainable_parameters")))
    what = f"`{policy}`" if policy else "A policy"
    what += f" with {size:,.0f} parameters" if size else ""
    episodes = _trained_on(history, split)
    on = f", trained on {f'{episodes} of ' if episodes else ''}`{dataset}`" if dataset else ""
    yield f"{what}{on}: {_updates(history, config)}, {how_it_ended(events)}."
    yield ""


def _trained_on(history: History, split: Mapping[str, Any]) -> str | None:
    total = lookup(history.started, "dataset.episodes")
    train = split.get("train")
    if isinstance(train, list) and isinstance(total, int) and len(train) < total:
        return f"{len(train):,} of the {counted(total, 'episode')}"
    return f"the {counted(total, 'episode')}" if isinstance(total, int) else None


def _updates(history: History, config: Mapping[str, Any]) -> str:
    done, planned = history.last_step, config.get("steps")
    of = f" of {planned:,}" if isinstance(planned, int) and planned != done else ""
    return f"{done:,}{of} update{'' if done == 1 and not of else 's'}"


def how_it_ended(events: Sequence[Event]) -> str:
    """'finished: all steps done', and the like, by the last start or end of the run."""
    known = [event for event in events if event["event"] in (*_STARTS, *_ENDS)]
    if known and known[-1]["event"] in _ENDS:
        word, reason = _ENDS[known[-1]["event"]], known[-1].get("error") or known[-1].get("reason")
        return f"{word}: {' '.join(str(reason).split())}" if reason else word
    return "still going on, or killed" if known and "version" in known[-1] else "as far as the log tells"


def training_part(
    history: History,
    events: Sequence[Event],
    config: Mapping[str, Any],
    split: Mapping[str, Any],
    lineage: Lineage = NOTHING,
) -> Iterator[str]:
    """Model, dataset, work, time, energy, machine: a line each, of what is known."""
    if not history.started:
        return
    started = history.started
    parts = facts_at_start(started, config, split, lineage)
    machine = {"machine": parts.pop("machine")} if "machine" in parts else {}
    parts |= _said(
        {
            "work": [_updates(history, config), _passes(history), _batch(started, config)],
            "loss": [_loss(history)],
            "time": [_by_the_clock(events), _spent(history)],
            "speed": _speed(history),
            "energy": [_energy(history)],
        }
    )
    parts |= machine | _said(
        {
            "resumed": [_resumed(history)],
            "version": [started.get("version") and f"understudy {started['version']}"],
            "told by": [None if started.get("version") else started.get("command")],
        }
    )
    yield "## What was trained on what"
    yield ""
    for name, value in parts.items():
        yield f"- {name}: {value}"
    yield ""


def facts_at_start(
    started: Event, config: Mapping[str, Any], split: Mapping[str, Any], lineage: Lineage = NOTHING
) -> dict[str, str]:
    """What is known of a run before its first update, by name: policy, dataset, cameras, tasks, held out, machine."""
    machine = section(started, "machine")
    return _said(
        {
            "policy": _policy(section(started, "policy")),
            "started from": ["; before that, ".join(told(lineage))],
            "dataset": _dataset(section(started, "dataset")),
            "of which": _parts(lookup(started, "dataset.parts")),
            "cameras": _cameras(config),
            "tasks": _tasks(lookup(started, "dataset.tasks")),
            "held out": _held_out(split),
            "machine": [
                machine.get("cpu"),
                counted(machine["cores"], "core") if isinstance(machine.get("cores"), int) else None,
                str(machine.get("gpu") or "no GPU") if machine else None,
                machine.get("torch") and f"torch {machine['torch']}",
                started.get("precision"),
            ],
        }
    )


def _said(parts: Mapping[str, Sequence[str | None]]) -> dict[str, str]:
    """What there is to say, each in one line."""
    return {name: value for name, said in parts.items() if (value := ", ".join(str(part) for part in said if part))}


def _policy(policy: Mapping[str, Any]) -> list[str | None]:
    size, trained = policy.get("parameters"), policy.get("trainable_parameters")
    if isinstance(size, int) and isinstance(trained, int):
        share = "all of them trained" if trained == size else f"{trained:,} of them trained"
        return [policy.get("type"), counted(size, "parameter"), share]
    return [policy.get("type"), counted(trained, "trained parameter") if isinstance(trained, int) else None]


def _dataset(dataset: Mapping[str, Any]) -> list[str | None]:
    episodes, frames, fps = (number(dataset.get(name)) for name in ("episodes", "frames", "fps"))
    return [
        dataset.get("repo_id"),
        None if episodes is None else counted(int(episodes), "episode"),
        None if frames is None else counted(int(frames), "frame"),
        f"{fps:g} frames a second" if fps else None,
        f"{readable_duration(frames / fps)} of demonstration" if frames and fps else None,
        f"robot {dataset['robot']}" if dataset.get("robot") else None,
        f"fingerprint `{str(dataset['fingerprint'])[:16]}`" if dataset.get("fingerprint") else None,
    ]


def _parts(parts: Any) -> list[str | None]:
    """The datasets of a mixture, and what is drawn of each."""
    if not isinstance(parts, list):
        return []
    drawn: list[float] = [number(part.get("weight")) or number(part.get("frames")) or 0.0 for part in parts]
    weighted, whole = any(number(part.get("weight")) for part in parts), float(sum(drawn)) or 1.0
    return [
        f"{part.get('repo_id')} {counted(int(part.get('episodes', 0)), 'episode')} from {part.get('first_episode')} on"
        + (f" ({share / whole:.0%} of what is drawn)" if weighted else "")
        for part, share in zip(parts, drawn, strict=True)
    ]


def _cameras(config: Mapping[str, Any]) -> list[str | None]:
    """Name and size of each picture that the policy sees."""
    features = section(section(config, "policy"), "input_features")
    found: list[str | None] = []
    for name, feature in features.items():
        if isinstance(feature, Mapping) and feature.get("type") == "VISUAL" and len(feature.get("shape") or ()) == 3:
            _, height, width = feature["shape"]
            found.append(f"{name.rpartition('.')[2]} ({width} x {height})")
    return found or (["none: the policy sees numbers alone"] if features else [])


def _tasks(tasks: Any) -> list[str | None]:
    if not isinstance(tasks, list) or not any(tasks):
        return []
    more = f"and {len(tasks) - _MOST_TASKS} more" if len(tasks) > _MOST_TASKS else None
    return [*(f"“{' '.join(str(task).split())}”" for task in tasks[:_MOST_TASKS]), more]


def _held_out(split: Mapping[str, Any]) -> list[str | None]:
    if "windows" in split:
        return ["windows of all episodes, not whole episodes: neighbours of what was trained on"]
    parts = (("validation", "to choose by"), ("test", "set apart for the last measurement"))
    return [f"{named_episodes(split[name])} {words}" for name, words in parts if _is_filled(split.get(name))]


def _is_filled(episodes: Any) -> bool:
    return isinstance(episodes, list) and bool(episodes)


def _passes(history: History) -> str | None:
    epochs = number(history.steps[-1].get("epochs")) if history.steps else None
    return None if epochs is None else f"{epochs:,.1f} passes over the frames"


def _batch(started: Event, config: Mapping[str, Any]) -> str | None:
    size, ranks = started.get("batch_size", config.get("batch_size")), started.get("world_size", 1)
    if not isinstance(size, int):
        return None
    return f"batches of {size}" + (f" on each of {ranks} processes" if ranks != 1 else "")


def _loss(history: History) -> str | None:
    _, losses = series(history.steps, "loss")
    if not len(losses):
        return None
    finite = losses[np.isfinite(losses)]
    end, lowest = f"{losses[-1]:.3g}", f"{finite.min():.3g}" if len(finite) else ""
    return f"{end} at the end" + (f", {lowest} at the lowest" if lowest not in ("", end) else "")


def _by_the_clock(events: Sequence[Event]) -> str | None:
    """From each start to the last event before the next one."""
    began: list[tuple[float, float]] = []
    for event in events:
        at = number(event.get("time"))
        if at is None:
            continue
        if event["event"] in _STARTS or not began:
            began.append((at, at))
        began[-1] = (began[-1][0], max(at, began[-1][1]))
    seconds = sum(last - first for first, last in began)
    return f"{readable_duration(seconds)} by the clock" if seconds > 0 else None


def weighted(history: History, name: str) -> tuple[float, int]:
    """(sum over updates, number of updates) of a number that each `step` event holds the mean of."""
    steps, values = series(history.steps, name)
    if not len(steps):
        return 0.0, 0
    ends = [0.0, *series(history.steps, "step")[0]]
    count = {after: max(after - before, 0.0) for before, after in itertools.pairwise(ends)}
    counts = np.array([count[step] for step in steps])
    return float((values * counts).sum()), int(counts.sum())


def _spent(history: History) -> str | None:
    updating, _ = weighted(history, "update_s")
    waiting, _ = weighted(history, "data_s")
    if not updating + waiting:
        return None
    share = waiting / (updating + waiting)
    return f"{readable_duration(updating + waiting)} in updates, {share:.1%} of it waiting for data"


def _speed(history: History) -> list[str | None]:
    updating, count = weighted(history, "update_s")
    waiting, _ = weighted(history, "data_s")
    seconds = updating + waiting
    if not seconds or not count:
        return []
    samples = number(history.steps[-1].get("samples"))
    rate = f"{samples / seconds:,.3g} samples a second" if samples and not history.resumed_from else None
    per_second = count / seconds
    pace = f"{per_second:.3g} updates a second" if per_second >= 1 else f"{1 / per_second:.3g} s an update"
    return [f"{pace} while updating", rate]


def energy_wh(history: History) -> float | None:
    """Energy that the GPU took, from the power that was measured; None where none was."""
    seconds, watts = series(history.telemetry, "gpu_power_w", x="time")
    if len(seconds) < 2:
        return None
    # a run that was resumed has gaps, in which nobody knows what the GPU did
    passed = np.diff(seconds)
    usual = 10 * float(np.median(passed))
    known = passed < usual
    return float((passed * (watts[1:] + watts[:-1]) / 2)[known].sum() / 3600)


def _energy(history: History) -> str | None:
    energy = energy_wh(history)
    if energy is None:
        return None
    mean = float(np.mean(series(history.telemetry, "gpu_power_w")[1]))
    return f"{energy:,.3g} Wh taken by the GPU, from its measured power of {mean:,.0f} W on average"


def _resumed(history: History) -> str | None:
    at = history.resumed_from
    return f"{counted(len(at), 'time')}, at step {', '.join(f'{step:,}' for step in at)}" if at else None
