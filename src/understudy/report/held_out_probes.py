"""Pictures of what an evaluation on recordings found out beyond the error itself, drawn from its summary.json.

probes.png           error with each input spoiled, beside the error with the true observation
seams.png            how far each joint moves in a step: between chunks, inside them, and as demonstrated
horizon_choice.png   error and roughness of each way to execute the chunks
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

# the thresholds of the words, as evaluate/probed.py has them
_LEVELS = (1.05, 1.2, 2.0)
_ROW = 0.34
_LOGARITHMIC_FROM = 8
# for the words behind the longest bar, as a share of what the bars take
_ROOM = 0.75


def write_probe_plots(summary: dict[str, Any], plots: Path) -> list[Path]:
    """Draw what there is into the folder `plots`; the files written. Raises DiskFull."""
    written = []
    if any(probe["ratio"] is not None for probe in summary.get("probes", {}).values()):
        written.append(style.save(_probes(summary), plots / "probes.png"))
    if summary.get("seams") and summary["seams"]["ratio"] is not None:
        written.append(style.save(_seams(summary["seams"]), plots / "seams.png"))
    if summary.get("horizon_choice"):
        written.append(style.save(_settings(summary["horizon_choice"]), plots / "horizon_choice.png"))
    return written


def _rows(plot: Axes, names: list[str]) -> np.ndarray:
    """Name the rows of a horizontal plot, the first one on top; their heights."""
    heights = np.arange(len(names))[::-1]
    plot.set_yticks(heights, names, fontsize=9)
    plot.set_ylim(-0.7, len(names) - 0.3)
    style.tidy(plot)
    plot.grid(False, axis="y")
    plot.tick_params(axis="y", length=0)
    return heights


def _probes(summary: dict[str, Any]) -> Figure:
    """A bar per probe from 1 on: what is added to the error, and the words for it; dotted: where the words change."""
    probes = [probe for probe in summary["probes"].values() if probe["ratio"] is not None]
    drawing = style.figure(9.0, 1.4 + _ROW * len(probes))
    plot: Axes = drawing.add_subplot()
    heights = _rows(plot, [probe["title"] for probe in probes])
    ratios = np.array([probe["ratio"] for probe in probes])
    low, high = min(ratios.min(), 1.0), max(ratios.max(), 1.25)
    if high > _LOGARITHMIC_FROM:
        plot.set_xscale("log")
        plot.set_xlim(0.97 * low, high * (high / low) ** _ROOM)
        plot.xaxis.set_major_formatter("{x:g}")
    else:
        plot.set_xlim(low - 0.02 * (high - low), high + _ROOM * (high - low))
    plot.barh(heights, ratios - 1, left=1, height=0.55, color=[_color(ratio) for ratio in ratios])
    plot.axvline(1, color=style.BLACK, linewidth=1)
    for level in _LEVELS:
        if level <= high:
            plot.axvline(level, color=style.GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    for height, ratio, probe in zip(heights, ratios, probes, strict=True):
        words = plot.annotate(probe["finding"], (max(ratio, 1), height), (6, 0), textcoords="offset points", fontsize=9)
        words.set(va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    plot.set_xlabel("error, divided by that with the true observation", fontsize=9)
    plot.set_title(f"What the policy looks at: {summary['probe_frames']:,} held-out frames", loc="left", fontsize=11)
    return drawing


def _color(ratio: float) -> str:
    return style.GREY if ratio < _LEVELS[0] else style.BLUE


def _seams(seams: dict[str, Any]) -> Figure:
    """A row per joint: mean steps at the seams and inside the chunks, in mean steps of the demonstrator."""
    usual = seams["step_demonstrated"]
    joints = [joint for joint, step in usual.items() if step > 0 and joint not in seams["still_joints"]]
    drawing = style.figure(9.0, 1.6 + _ROW * len(joints))
    plot: Axes = drawing.add_subplot()
    heights = _rows(plot, joints)
    plot.axvline(1, color=style.BLACK, linewidth=1, label="as the demonstrator")
    inside = np.array([_divided(seams["step_within_chunks"][joint], usual[joint]) for joint in joints])
    jump = np.array([seams["jump"][joint] / usual[joint] for joint in joints])
    plot.hlines(heights, np.nan_to_num(inside, nan=1.0), jump, color="#CCCCCC", linewidth=2, zorder=1)
    if np.isfinite(inside).any():
        plot.plot(inside, heights, "o", color=style.BLUE, label="inside a chunk")
    plot.plot(jump, heights, "D", color=style.ORANGE, label="from one chunk to the next")
    plot.set_xlim(left=0, right=1.05 * max(2.0, jump.max()))
    plot.set_xlabel("mean step from one action to the next, divided by the demonstrator's", fontsize=9)
    title = f"How chunks fit together: {seams['count']:,} seams"
    plot.set_title(title, loc="left", fontsize=11)
    drawing.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return drawing


def _divided(value: float | None, by: float) -> float:
    return float("nan") if value is None else value / by


def _settings(choice: dict[str, Any]) -> Figure:
    """A row per setting: its error, and its roughness beside the demonstrations'."""
    trials = choice["settings"]
    drawing = style.figure(9.0, 1.6 + _ROW * len(trials))
    left, right = drawing.subplots(1, 2, sharey=True)
    heights = _rows(left, [_setting(trial) for trial in trials])
    style.tidy(right)
    right.grid(False, axis="y")
    right.tick_params(axis="y", length=0)
    for plot, key in ((left, "action_error"), (right, "roughness")):
        values = np.array([trial[key] for trial in trials])
        plot.hlines(heights, 0, values, color="#CCCCCC", linewidth=2, zorder=1)
        plot.plot(values, heights, "o", color=style.BLUE, label="tried")
        for name, marker, color, size in (("configured", "s", style.ORANGE, 15), ("recommended", "*", style.BLACK, 12)):
            at = trials.index(choice[name])
            filled = "none" if name == "configured" else "full"
            plot.plot(
                values[at],
                heights[at],
                marker,
                color=color,
                markersize=size,
                fillstyle=filled,
                linestyle="",
                label=name,
            )
    right.axvline(1, color=style.GREEN, linewidth=1.5, linestyle=(0, (5, 3)), label="demonstrated")
    for plot in (left, right):
        plot.autoscale_view()
        plot.set_xlim(left=0)
    left.set_xlabel("error of the executed action, standard deviations", fontsize=9)
    right.set_xlabel("roughness of the motion, times the demonstrator's", fontsize=9)
    episodes = len(choice["episodes"])
    title = f"How to execute it: {episodes} validation episode{'s' if episodes > 1 else ''}"
    drawing.suptitle(title, fontsize=11, x=0.01, ha="left")
    drawing.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return drawing


def _setting(trial: dict[str, Any]) -> str:
    if trial["temporal_ensemble_coeff"] is None:
        return f"execute {trial['n_action_steps']}"
    return f"ensemble, {trial['temporal_ensemble_coeff']:g}"
