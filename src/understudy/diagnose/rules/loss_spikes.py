"""Single steps whose loss is many times that of their neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from ..curves import spikes
from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_AFTER = 0.05  # of the run: at its begin a loss falls fast


def check(run: RunView) -> Iterator[Finding]:
    steps, loss = run.series("loss")
    if len(loss) < 60:
        return
    late = steps > _AFTER * steps[-1]
    found = steps[late][spikes(loss[late])]
    if not len(found):
        return
    named = ", ".join(f"{step:,.0f}" for step in found[:5]) + (" ..." if len(found) > 5 else "")
    yield Finding(
        "warning",
        f"the loss jumps to more than five times its surroundings at {len(found)} of {late.sum()} lines (step {named})",
        "clip gradients (--optimizer.grad_clip_norm) and look for damaged frames or actions in the data: "
        "`understudy doctor DATASET`",
        {"steps": [int(step) for step in found[:20]], "lines": len(found)},
    )


RULE = Rule(
    "loss_spikes", Looks.RUN, check, source="outlying actions in recordings: huggingface/lerobot threads 3280, 3760"
)
