"""An evaluation as a person reads it: error by joint and by look ahead, probes, seams, settings, and the verdict."""

from __future__ import annotations

import textwrap

from .horizon_choice import CAVEAT, HorizonChoice, Trial
from .probed import Probed, title
from .result import HeldOutResult
from .seams import Seams

_COLUMNS = {"policy": "policy", "hold": "hold", "mean": "mean action", "nearest": "nearest"}
_LEGEND = {
    "hold": "hold: the action before the window, repeated",
    "mean": "mean action: of the training episodes",
    "nearest": "nearest: what followed the most similar state in training",
}
_LINE = 100


def table(result: HeldOutResult) -> str:
    """The whole answer, several lines."""
    who = [name for name in _COLUMNS if name in result.errors]
    width = max(len(name) for name in (*result.joints, "in std deviations"))
    lines = [*_heading(result), "", *_by_joint(result, who, width), "", *_ahead(result, who, width), ""]
    lines += _wrapped("; ".join(_LEGEND[name] for name in who if name in _LEGEND))
    if "nearest" in result.absent:
        lines += _wrapped(f"nearest neighbour: absent, {result.absent['nearest']}")
    for part in (result.probed, result.seams, result.horizon_choice):
        lines += ["", *_section(part)] if part is not None else []
    return "\n".join([*lines, "", *result.verdicts()])


def _heading(result: HeldOutResult) -> list[str]:
    seconds = result.steps / result.fps
    return [
        f"action error on {_episodes(result.episodes)} of {result.dataset}, n = {result.frames:,} frames",
        f"mean absolute error over the next {result.steps} steps ({seconds:.3g} s), in the dataset's units",
        *([] if result.task is None else [f"told at every frame: {result.task}"]),
    ]


def _by_joint(result: HeldOutResult, who: list[str], width: int) -> list[str]:
    columns = [result.mae(name) for name in who]
    lines = [_row("", [_COLUMNS[name] for name in who], width)]
    lines += [_row(joint, [f"{column[joint]:.4g}" for column in columns], width) for joint in result.joints]
    lines.append(_row("mean", [f"{result.mae_mean(name):.4g}" for name in who], width))
    if result.deviation is not None:
        lines.append(_row("in std deviations", [f"{result.error(name):.3f}" for name in who], width))
    return lines


def _ahead(result: HeldOutResult, who: list[str], width: int) -> list[str]:
    """The mean over joints at a few distances ahead."""
    reached = int((result.errors["policy"].count > 0).sum())
    chosen = sorted({0, *(step - 1 for step in (reached // 4, reached // 2, reached) if step > 0)})
    errors = {name: result.errors[name].per_step().mean(1).tolist() for name in who}
    return [
        _row(f"{step + 1} step{'s' if step else ''} ahead", [f"{errors[name][step]:.4g}" for name in who], width)
        for step in chosen
    ]


def _section(part: Probed | Seams | HorizonChoice) -> list[str]:
    if isinstance(part, Probed):
        return _probes(part)
    return _seams(part) if isinstance(part, Seams) else _settings(part)


def _probes(probed: Probed) -> list[str]:
    width = max(map(len, map(title, probed.names)), default=0)
    lines = [f"what it looks at, on {probed.frames:,} frames; error with the true observation: {probed.error():.4g}"]
    return lines + [
        f"  {title(name):<{width}}  {probed.error(name):>8.4g}  {probed.finding(name)}" for name in probed.names
    ]


def _seams(seams: Seams) -> list[str]:
    def times(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    return [
        f"steps from one action to the next, the demonstrator's being 1: {times(seams.ratio)} at the {seams.count:,} "
        f"seams between chunks, {times(seams.ratio_within)} inside chunks"
    ]


def _settings(choice: HorizonChoice) -> list[str]:
    """Every setting that was tried, the configured and the recommended one marked."""
    episodes = f"{len(choice.episodes)} validation episode{'s' if len(choice.episodes) > 1 else ''}"
    lines = [
        f"how to execute it, on {episodes} ({choice.frames:,} frames): error in std deviations, roughness beside the "
        "demonstrator's",
        _row("", ["error", "roughness"], 30),
    ]
    lines += [_trial(trial, choice) for trial in choice.trials]
    lines.append(_row("as demonstrated", ["-", "1.00"], 30))
    return lines + _wrapped(CAVEAT)


def _trial(trial: Trial, choice: HorizonChoice) -> str:
    marks = [
        word for word, one in (("configured", choice.configured), ("recommended", choice.recommended)) if trial is one
    ]
    mark = f"  {', '.join(marks)}" if marks else ""
    return _row(str(trial.setting), [f"{trial.error:.3f}", f"{trial.roughness:.2f}"], 30) + mark


def _row(label: str, cells: list[str], width: int) -> str:
    return f"  {label:<{width}}" + "".join(f"  {cell:>11}" for cell in cells)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _LINE)


def _episodes(indices: list[int]) -> str:
    if len(indices) == 1:
        return f"episode {indices[0]}"
    return f"{len(indices)} episodes ({', '.join(map(str, indices[:12]))}{', ...' if len(indices) > 12 else ''})"
