"""A loss or a gradient that is no number: from there on nothing is learnt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView


def check(run: RunView) -> Iterator[Finding]:
    for name in ("loss", "grad_norm"):
        steps, values = run.series(name)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            first = int(steps[bad[0]])
            yield Finding(
                "error",
                f"`{name}` is not a finite number from step {first:,} on ({len(bad)} of {len(values)} lines)"
                + (f", in {run.facts['precision']}" if _is_mixed(run) else ""),
                f"go on from a checkpoint before that step, {_other_precision(run)}; look at the statistics of a joint "
                "that never moves and at the frames of that batch",
                {"first_step": first, "lines": len(bad), "precision": run.facts.get("precision")},
            )
            return
    failed = next((event for event in run.events if event["event"] == "run_failed"), None)
    if failed is not None and "finite" in str(failed.get("error", "")):
        yield Finding(
            "error",
            f"training stopped at step {failed.get('step', 0):,}: {failed.get('error')}",
            "see docs/guides/when-something-stops.md: a lower learning rate, fp32, and the frames that it names",
            {"first_step": failed.get("step", 0)},
        )


def _is_mixed(run: RunView) -> bool:
    return run.facts.get("precision") in ("bf16", "fp16")


def _other_precision(run: RunView) -> str:
    return "first in fp32 as it was" if _is_mixed(run) else "with a third of the learning rate"


RULE = Rule("non_finite", Looks.RUN, check, source="huggingface/lerobot threads 475, 2465, 1066, 3645", live=True)
