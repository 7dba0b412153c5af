"""The pictures on a run's page, each with what to look for in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from understudy.core.run_folder import RunFolder

# picture -> what to look for in it
_WORDS = {
    "success": "success in simulation while training, with its interval",
    "overall_loss": "the loss; where the held-out curve turns up while the other falls, it memorises",
    "validation": "held-out action error beside policies that need no training",
    "actions_predicted": "an episode as demonstrated and as predicted",
    "error_by_step": "held-out error by how far ahead one looks",
    "probes": "what the policy looks at: its error with one input spoiled",
    "seams": "how far joints jump from one chunk to the next, beside the demonstrator's steps",
    "horizon_choice": "error and roughness of other ways to execute the chunks, on validation episodes",
}


def pictures(run: RunFolder, names: Sequence[str]) -> Iterator[str]:
    """Those of these pictures that there are in plots/, at full width, each with its words below."""
    for name in names:
        path = run.plots / f"{name}.png"
        if path.is_file():
            yield f"![{_WORDS[name]}]({os.path.relpath(path, run.path)})"
            yield f"*{_WORDS[name]}*"
            yield ""


def small_pictures(run: RunFolder, *, replays: bool) -> Iterator[str]:
    """All others, two in a row: their titles say what they show. `replays`: those of further episodes, or the rest."""
    others = sorted(path for path in run.plots.glob("*.png") if path.stem not in _WORDS)
    found = [path for path in others if path.stem.startswith("actions_predicted") == replays]
    if found:
        yield from (f"![{path.stem.replace('_', ' ')}]({os.path.relpath(path, run.path)})" for path in found)
        yield ""
