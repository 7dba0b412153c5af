"""Pictures of an evaluation: an episode as demonstrated and as predicted, and the error by how far ahead one looks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder

from . import style
from .held_out_probes import write_probe_plots
from .judgements import Judgement

MOST_EPISODES = 4
_JOINTS_A_COLUMN = 8
_LINES = (
    ("policy", "policy", style.BLUE, "-"),
    ("hold", "hold", style.ORANGE, (0, (5, 3))),
    ("mean", "mean action", style.GREEN, (0, (1, 1.5))),
    ("nearest", "nearest state", style.PURPLE, (0, (6, 1.5, 1, 1.5))),
)


def newest_evaluation(run: RunFolder) -> Path | None:
    """The evaluation on a dataset that was finished last, if it can be of the policy told its own tasks; or None."""
    found = [path.parent for path in run.eval.glob("*/predictions.npz") if (path.parent / "summary.json").exists()]
    own = [folder for folder in found if Judgement(folder, json_or_empty(folder / "summary.json")).is_own]
    return max(own or found, key=lambda folder: (folder / "summary.json").stat().st_mtime_ns, default=None)


def write_held_out_plots(evaluation: Path, plots: Path) -> list[Path]:
    """Draw an evaluation's folder into the folder `plots`; the files written. Raises DiskFull."""
    summary = json.loads((evaluation / "summary.json").read_text())
    written = [_error_by_step(summary, plots), *write_probe_plots(summary, plots)]
    with np.load(evaluation / "predictions.npz", allow_pickle=False) as arrays:
        for position, episode in enumerate(arrays["episodes"][:MOST_EPISODES].tolist()):
            name = "actions_predicted.png" if position == 0 else f"actions_predicted_episode_{episode}.png"
            written.append(style.save(_replay(arrays, episode), plots / name))
    return written


def _grid(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """One small plot per joint, filled column by column."""
    columns = math.ceil(count / _JOINTS_A_COLUMN)
    rows = math.ceil(count / columns)
    drawing = style.figure(9.0 if columns == 1 else 5.5 * columns, 1.2 + height * rows)
    plots = drawing.subplots(rows, columns, sharex=True, squeeze=False).flatten(order="F")
    for spare in plots[count:]:
        spare.set_visible(False)
    for number, plot in enumerate(plots[:count]):
        style.tidy(plot)
        plot.tick_params(labelsize=8, labelbottom=number % rows == rows - 1 or number == count - 1)
    return drawing, list(plots[:count])


def _name_all(drawing: Figure, plots: list[Axes], joints: list[str], title: str, x: str) -> None:
    """Each plot's joint, the figure's title, its x axis, and one legend for all."""
    for plot, joint in zip(plots, joints, strict=True):
        plot.set_ylabel(joint, fontsize=8, rotation=0, ha="right", va="center")
    handles, labels = plots[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper right", ncols=4, frameon=False, fontsize=9)
    drawing.suptitle(title, fontsize=10, x=0.01, ha="left")
    drawing.supxlabel(x, fontsize=9)


def _replay(arrays: Any, episode: int) -> Figure:
    """Each joint of one episode against time: what was demonstrated, and what the policy predicted chunk by chunk."""
    joints, fps = arrays["joints"].tolist(), float(arrays["fps"])
    demonstrated, predicted = arrays[f"demonstrated_{episode}"], arrays[f"predicted_{episode}"]
    starts = arrays[f"starts_{episode}"]
    seconds = np.arange(len(demonstrated)) / fps
    # where predictions are made at almost every frame, marks would hide the curves
    marks = " (dotted: a new prediction, from what was really seen)" if len(starts) < len(seconds) / 3 else ""
    drawing, plots = _grid(len(joints), 1.35)
    for joint, plot in enumerate(plots):
        plot.plot(seconds, demonstrated[:, joint], color=style.BLACK, linewidth=1.5, label="demonstrated")
        plot.plot(seconds, predicted[:, joint], color=style.ORANGE, linewidth=1.5, label="predicted")
        plot.grid(not marks, axis="x")
        for start in starts if marks else ():
            plot.axvline(start / fps, color=style.GREY, linewidth=0.6, linestyle=":")
    title = f"Held-out episode {episode}: actions in the dataset's units"
    _name_all(drawing, plots, joints, title, f"seconds{marks}")
    return drawing


def _error_by_step(summary: dict[str, Any], folder: Path) -> Path:
    """Each joint's error against how far ahead it was predicted."""
    by_step, joints = summary["by_step"], list(summary["action_mae"])
    drawing, plots = _grid(len(joints), 1.35)
    seconds = np.array(by_step["seconds_ahead"])
    for joint, plot in zip(joints, plots, strict=True):
        for who, label, color, dashes in _LINES:
            if who in by_step:
                errors = np.array([math.nan if v is None else v for v in by_step[who][joint]])
                marker = "o" if len(seconds) < 8 else None
                plot.plot(seconds, errors, color=color, linestyle=dashes, linewidth=1.6, marker=marker, label=label)
        plot.set_ylim(bottom=0)
    title = f"Error on {summary['frames']:,} held-out frames, the dataset's units"
    _name_all(drawing, plots, joints, title, "seconds ahead")
    return style.save(drawing, folder / "error_by_step.png")
