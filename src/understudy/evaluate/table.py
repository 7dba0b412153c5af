"""An evaluation as a person reads it: a table by joint, how the error grows with the look ahead, and the verdict."""

from __future__ import annotations

from .result import HeldOutResult

_COLUMNS = {"policy": "policy", "hold": "hold", "mean": "mean action"}
_LEGEND = "hold: the action before the window, repeated; mean action: of the training episodes"


def table(result: HeldOutResult) -> str:
    """The whole answer, several lines."""
    who = [name for name in _COLUMNS if name in result.errors]
    seconds = result.steps / result.fps
    lines = [
        f"action error on {_episodes(result.episodes)} of {result.dataset}, n = {result.frames:,} frames",
        f"mean absolute error over the next {result.steps} steps ({seconds:.3g} s), in the dataset's units",
        "",
    ]
    width = max(len(name) for name in (*result.joints, "in std deviations"))
    lines.append(_row("", [_COLUMNS[name] for name in who], width))
    columns = [result.mae(name) for name in who]
    lines += [_row(joint, [f"{column[joint]:.4g}" for column in columns], width) for joint in result.joints]
    lines.append(_row("mean", [f"{result.mae_mean(name):.4g}" for name in who], width))
    if result.deviation is not None:
        lines.append(_row("in std deviations", [f"{result.error(name):.3f}" for name in who], width))
    lines += [
        "",
        *_ahead(result, who, width),
        "",
        _LEGEND if "mean" in who else _LEGEND.split(";")[0],
        result.verdict(),
    ]
    return "\n".join(lines)


def _ahead(result: HeldOutResult, who: list[str], width: int) -> list[str]:
    """The mean over joints at a few distances ahead."""
    reached = int((result.errors["policy"].count > 0).sum())
    chosen = sorted({0, *(step - 1 for step in (reached // 4, reached // 2, reached) if step > 0)})
    errors = {name: result.errors[name].per_step().mean(1).tolist() for name in who}
    return [
        _row(f"{step + 1} step{'s' if step else ''} ahead", [f"{errors[name][step]:.4g}" for name in who], width)
        for step in chosen
    ]


def _row(label: str, cells: list[str], width: int) -> str:
    return f"  {label:<{width}}" + "".join(f"  {cell:>11}" for cell in cells)


def _episodes(indices: list[int]) -> str:
    if len(indices) == 1:
        return f"episode {indices[0]}"
    return f"{len(indices)} episodes ({', '.join(map(str, indices[:12]))}{', ...' if len(indices) > 12 else ''})"
