"""ACT: most of what is minimised is the KL part, so that chunks are learnt from little gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_SHARE = 0.5
_USUAL_WEIGHT = 10.0


def check(run: RunView) -> Iterator[Finding]:
    _, kld = run.series("kld_loss")
    _, l1 = run.series("l1_loss")
    if not len(kld) or len(kld) != len(l1):
        return
    weight = run.fact("kl_weight") or _USUAL_WEIGHT
    late = slice(-max(1, len(kld) // 4), None)
    part = weight * kld[late] / np.maximum(weight * kld[late] + l1[late], 1e-12)
    share = float(np.median(part))
    if share < _SHARE:
        return
    yield Finding(
        "warning",
        f"at the end the KL part makes {share:.0%} of the loss ({weight:g} x {np.median(kld[late]):.3f} beside an L1 "
        f"of {np.median(l1[late]):.3f})",
        "early in a run this passes: train on. Where it stays, lower --policy.kl_weight or leave the latent out "
        "(--policy.use_vae=false)",
        {"share": round(share, 3), "kl_weight": weight, "kld_loss": float(np.median(kld[late]))},
    )


RULE = Rule(
    "kl_dominates", Looks.RUN, check, source="Zhao et al. 2023, appendix; an ACT run that was stopped after 1,000 steps"
)
