"""The pictures of a run, drawn from its files alone: what was lost, what was learnt, what the machine did.

    plots/overall_loss.png l1_loss.png kld_loss.png ...   train and held-out, by step
          validation.png                                  held-out action error beside two baselines
          success.png                                     success in simulation, with its interval
          lr.png grad_norm.png throughput.png             how the optimiser and the data kept up
          gpu_power.png gpu_temperature.png ... cpu.png memory.png      the machine, by time
          actions_predicted.png error_by_step.png         from the newest evaluation in eval/

A picture is only written when there is something to show in it.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from understudy.core import log
from understudy.core.run_folder import RunFolder

from . import style
from .events import History, lookup, read_history, series
from .held_out import newest_evaluation, write_held_out_plots
from .measures import MACHINE, loss_name
from .success import write_success

# key of a telemetry event -> file
_MACHINE = {
    "gpu_power_w": "gpu_power",
    "gpu_temperature_c": "gpu_temperature",
    "gpu_utilization": "gpu_utilization",
    "gpu_memory_bytes": "gpu_memory",
    "cpu_percent": "cpu",
    "rss_bytes": "memory",
}

# runs longer than so many seconds are shown by the hour
_HOURS_FROM = 3 * 3600


def write_plots(run: RunFolder, history: History | None = None) -> list[Path]:
    """Draw everything the run has data for into its `plots/`; the files written. Raises DiskFull.

    history   what happened in it, where that has been read already
    """
    history = history or read_history(run.events)
    subject = _subject(history, run)
    written = [
        *_losses(history, run.plots, subject),
        _validation(history, run.plots, subject),
        write_success(history, run.plots, subject),
        _learning_rate(history, run.plots, subject),
        _gradient(history, run.plots, subject),
        _throughput(history, run.plots, subject),
        *_machine(history, run.plots, subject),
    ]
    evaluation = newest_evaluation(run)
    if evaluation is not None:
        try:
            written += write_held_out_plots(evaluation, run.plots)
        except (KeyError, TypeError, ValueError, EOFError, BadZipFile) as error:
            # one damaged file takes nothing from the rest
            log.warn(f"{evaluation}: cannot be drawn, its files are damaged ({type(error).__name__}: {error})")
    return [path for path in written if path is not None]


def _subject(history: History, run: RunFolder) -> str:
    """What the titles say the picture is of."""
    policy = lookup(history.started, "policy.type")
    dataset = lookup(history.started, "dataset.repo_id")
    name = str(history.started.get("name", run.path.name))
    known = f"{policy} on {Path(str(dataset)).name}" if policy and dataset else name
    return f"{known}, resumed {len(history.resumed_from)}x" if history.resumed_from else known


def _losses(history: History, folder: Path, subject: str) -> list[Path]:
    """A picture for the loss and for each part of it that the policy names."""
    named = {key for event in history.steps for key in event if key == "loss" or key.endswith("_loss")}
    return [_loss(history, folder, subject, key) for key in sorted(named)]


def _loss(history: History, folder: Path, subject: str, key: str) -> Path:
    drawing = style.figure()
    name = "Overall loss" if key == "loss" else loss_name(key)
    plot = style.axes(drawing, f"{name}: {subject}", "optimiser steps", name)
    train, held_out = series(history.steps, key), series(history.validations, key)
    style.curve(plot, *train, "train", style.BLUE)
    if len(held_out[0]):
        style.curve(plot, *held_out, _held_out_name(history, key), style.ORANGE)
    style.fit_scale(plot, [train[1], held_out[1]])
    style.legend(plot)
    return style.save(drawing, folder / ("overall_loss.png" if key == "loss" else f"{key}.png"))


def _held_out_name(history: History, key: str) -> str:
    """What to call a held-out loss. In eval mode a policy may leave parts of the whole loss out: these are named."""
    parts = {name for event in history.steps for name in event if name.endswith("_loss")}
    missing = sorted(parts - {name for event in history.validations for name in event}) if key == "loss" else []
    return f"held-out episodes, without {', '.join(missing)}" if missing else "held-out episodes"


def _validation(history: History, folder: Path, subject: str) -> Path | None:
    steps, error = series(history.validations, "action_error")
    if not len(steps):
        return None
    drawing = style.figure()
    plot = style.axes(
        drawing, f"Held-out action error: {subject}", "optimiser steps", "error of predict, standard deviations"
    )
    style.curve(plot, steps, error, _held_out_label(history), style.BLUE)
    shown = [error]
    for key, label, color in (
        ("baselines.hold", "hold the last action", style.ORANGE),
        ("baselines.mean", "mean action", style.GREEN),
    ):
        values = series(history.validations, key)[1]
        if len(values):
            style.level(plot, float(values[-1]), label, color)
            shown.append(values)
    best = int(np.argmin(np.where(np.isfinite(error), error, np.inf)))
    plot.plot(steps[best], error[best], marker="*", markersize=13, color=style.BLACK, linestyle="none", label="best")
    style.fit_scale(plot, shown)
    style.legend(plot)
    return style.save(drawing, folder / "validation.png")


def _held_out_label(history: History) -> str:
    last = history.validations[-1]
    episodes = last.get("episodes")
    count = len(episodes) if isinstance(episodes, list) else episodes
    return f"policy ({last.get('frames', '?')} frames of {count} episodes)"


def _learning_rate(history: History, folder: Path, subject: str) -> Path | None:
    groups = sorted({key for event in history.steps for key in event if key.startswith("lr_")})
    found = {key: series(history.steps, key) for key in groups or ["lr"]}
    # groups that share one rate are one line
    different: dict[tuple[float, ...], list[str]] = {}
    for key, (_, rate) in found.items():
        different.setdefault(tuple(rate), []).append(key.removeprefix("lr_"))
    if not any(len(steps) for steps, _ in found.values()):
        return None
    drawing = style.figure()
    plot = style.axes(drawing, f"Learning rate: {subject}", "optimiser steps", "learning rate")
    steps = next(iter(found.values()))[0]
    for (rates, names), color in zip(different.items(), _cycle(len(different)), strict=True):
        plot.plot(
            steps, rates, color=color, linewidth=1.8, marker="o" if len(steps) < 13 else None, label=", ".join(names)
        )
    style.fit_scale(plot, [np.array(rates) for rates in different])
    if plot.get_yscale() == "linear":
        plot.ticklabel_format(axis="y", scilimits=(-2, 4))
    style.legend(plot)
    return style.save(drawing, folder / "lr.png")


def _cycle(count: int) -> list[str]:
    return [style.COLORS[i % len(style.COLORS)] for i in range(count)]


def _gradient(history: History, folder: Path, subject: str) -> Path | None:
    steps, norm = series(history.steps, "grad_norm")
    if not len(steps):
        return None
    drawing = style.figure()
    plot = style.axes(
        drawing, f"Gradient norm before clipping: {subject}", "optimiser steps", "norm, mean since last log"
    )
    style.curve(plot, steps, norm, "norm", style.BLUE)
    style.fit_scale(plot, [norm])
    clipped = series(history.steps, "clipped_fraction")
    if len(clipped[0]):
        share = plot.twinx()
        share.plot(*clipped, color=style.ORANGE, linewidth=1.2, linestyle=":", label="share of steps clipped (right)")
        share.set_ylim(0, 1.05)
        share.spines["top"].set_visible(False)
        plot.plot([], [], color=style.ORANGE, linestyle=":", label="share of steps clipped (right axis)")
    style.legend(plot)
    return style.save(drawing, folder / "grad_norm.png")


def _throughput(history: History, folder: Path, subject: str) -> Path | None:
    steps, rate = series(history.steps, "samples_per_s")
    if not len(steps):
        return None
    waited, update = series(history.steps, "data_s")[1], series(history.steps, "update_s")[1]
    drawing = style.figure()
    plot = style.axes(drawing, f"Throughput: {subject}", "optimiser steps", "samples per second")
    label = "samples per second"
    if len(waited) == len(update) and update.sum() + waited.sum() > 0:
        label += f" (wait for data {waited.sum() / (waited.sum() + update.sum()):.1%} of the time)"
    style.curve(plot, steps, rate, label, style.BLUE)
    style.fit_scale(plot, [rate])
    style.legend(plot)
    return style.save(drawing, folder / "throughput.png")


def _machine(history: History, folder: Path, subject: str) -> list[Path]:
    written = []
    began = history.started.get("time", history.telemetry[0]["time"] if history.telemetry else 0.0)
    for key, file in _MACHINE.items():
        title, unit, divisor = MACHINE[key]
        seconds, value = series(history.telemetry, key, x="time")
        if not len(seconds):
            continue
        drawing = style.figure()
        passed = seconds - began
        long, each = ("hours", 3600) if passed.max() > _HOURS_FROM else ("minutes", 60)
        plot = style.axes(
            drawing, f"{title}: {subject}", f"{long} since the start", f"{title.split(',')[0]}, {unit}", whole=False
        )
        style.curve(plot, passed / each, value / divisor, title, style.BLUE)
        style.fit_scale(plot, [value / divisor])
        written.append(style.save(drawing, folder / f"{file}.png"))
    return written
