"""A run in the form of the study github.com/ruiming-wu/FAST_Flow_Matching: its log, and its picture of two losses.

A line `[Info] YYYY-MM-DD HH:MM:SS text` for the device, each option, each size, each validation (the study validates
once an epoch), each new best, the end, the test loss, the time it took and where everything is. All of it is read from
the run's files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.events import Event
from understudy.core.units import readable_duration

from .events import history_of, lookup, number


@dataclass(frozen=True)
class Validated:
    """What is known at a validation.

    epoch       passes over the training data so far
    train       mean of the training loss since the last one; None where nothing was logged since
    value       what the best checkpoint goes by; is_best: lower than ever before
    """

    at: float
    step: int
    epoch: float
    train: float | None
    loss: float
    rate: float | None
    value: float
    is_best: bool


def validations_of(events: list[Event], config: Mapping[str, Any]) -> list[Validated]:
    """Every validation of the run, in order. `config`: the run's configuration."""
    history = history_of(events)
    found: list[Validated] = []
    lowest = np.inf
    for event in history.validations:
        since = found[-1].step if found else 0
        steps = [s for s in history.steps if since < s["step"] <= event["step"]]
        value, loss = (number(event.get(name)) for name in (config["best"], "loss"))
        if value is None or loss is None:
            continue
        epochs = [s["epochs"] * event["step"] / s["step"] for s in history.steps[-1:]]
        found.append(
            Validated(
                at=event["time"],
                step=event["step"],
                epoch=epochs[0] if epochs else 0.0,
                train=_mean_loss(steps, since),
                loss=loss,
                rate=number(steps[-1].get("lr")) if steps else None,
                value=value,
                is_best=value < lowest,
            )
        )
        lowest = min(lowest, value)
    return found


def _mean_loss(steps: list[Event], since: int) -> float | None:
    """Over updates: each event holds the mean since the one before it."""
    ends = [since, *(event["step"] for event in steps)]
    counts = np.diff(ends)
    losses = np.array([np.nan if (loss := number(event.get("loss"))) is None else loss for event in steps])
    return float(np.average(losses, weights=counts)) if steps else None


def log_text(
    events: list[Event], config: Mapping[str, Any], test: Mapping[str, Any] | None, files: Mapping[str, Path]
) -> str:
    """The study's log of a run that has ended.

    test    `loss` and `frames` of the test part with the best weights; None: there is none, or nothing was saved
    files   what else was left of it, by what it is called
    """
    started = history_of(events).started
    began, ended = started["time"], events[-1]["time"]
    lines = [(began, text) for text in _head(started, config)]
    for found in validations_of(events, config):
        train = "not logged" if found.train is None else f"{found.train:.6f}"
        rate = "" if found.rate is None else f", lr {found.rate:.6g}"
        text = f"Epoch {found.epoch:.2f} (step {found.step}): train loss {train}, val loss {found.loss:.6f}{rate}"
        lines.append((found.at, text))
        if found.is_best:
            lines.append((found.at, f"New best: {config['best']} {found.value:.6f}"))
    lines.append((ended, f"Training ended: {lookup(events[-1], 'reason')}"))
    if test is None:
        lines.append((ended, "Test loss: not measured: there is no test part, or no best checkpoint"))
    else:
        lines.append((ended, f"Test loss: {test['loss']:.6f} on {test['frames']} windows, best weights"))
    lines.append((ended, f"Total time: {readable_duration(ended - began)}"))
    lines += [(ended, f"{what}: {path}") for what, path in files.items()]
    return "".join(f"[Info] {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))} {text}\n" for at, text in lines)


def _head(started: Event, config: Mapping[str, Any]) -> Iterator[str]:
    machine = started.get("machine", {})
    model = machine.get("gpu") or machine.get("cpu")
    yield f"Device: {machine.get('device')} ({model}, {machine.get('threads')} threads)"
    data, policy = started["dataset"], started["policy"]
    yield f"Dataset: {data['repo_id']}, {data['episodes']} episodes, {data['frames']} frames"
    yield f"Split: by {config['dataset']['split']}"
    yield f"Model: {policy['type']}, {policy.get('parameters')} parameters"
    for name in ("seed", "batch_size", "steps", "eval_steps", "early_stopping", "best", "precision"):
        yield f"{name}: {config[name]}"
    for name, value in config["policy"].items():
        if isinstance(value, bool | int | float | str):
            yield f"policy.{name}: {value}"
    for group in ("optimizer", "scheduler"):
        yield f"{group}: {config[group]}"


def draw_losses(path: Path, validations: list[Validated], test_loss: float | None) -> None:
    """The study's picture, 8 x 5 inches: both losses over epochs, the test loss as a dotted line. Raises DiskFull."""
    from . import style

    drawing = style.figure(8.0, 5.0)
    plot = style.axes(drawing, path.stem, "epoch", "loss", whole=False)
    trained = [(found.epoch, found.train) for found in validations if found.train is not None]
    if trained:
        epochs, losses = np.array(trained).T
        plot.plot(epochs, losses, color=style.BLUE, label="training loss")
    plot.plot(
        [v.epoch for v in validations], [v.loss for v in validations], color=style.ORANGE, label="validation loss"
    )
    if test_loss is not None:
        plot.axhline(test_loss, color=style.BLACK, linestyle=":", label=f"test loss {test_loss:.6f}")
    plot.legend()
    style.save(drawing, path)
