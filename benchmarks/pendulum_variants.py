"""The variants of `pendulum_ablation.py`: each preset, and the modern ones with one choice taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pendulum_variants_fast import FAST


@dataclass(frozen=True)
class Variant:
    """What is trained and how.

    starts   frames of an episode at which windows begin; None: all
    """

    policy: str
    options: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 256
    steps: int = 4000
    starts: Sequence[int] | None = None


# where the study cut its 25 windows of an episode
STUDY_STARTS = [*range(9), *range(10, 25, 2), *range(27, 49, 3)]

PI0: dict[str, dict[str, Any]] = {
    "modern": {},
    "no network for the state, noise of 1": {"n_state_layers": 0, "noise_scale": 1.0},
    "noise of 1": {"noise_scale": 1.0},
    "noise fixed for each window": {"noise": "fixed"},
    "no statistics": {"normalization_mapping": {}},
    "velocity instead of the chunk": {"prediction": "velocity"},
    "causal mask": {"causal": True},
    "dropout 0.1": {"dropout": 0.1},
    "time as one number": {"time_embedding": "linear"},
    "norms behind": {"pre_norm": False},
    "chunk of 50": {"chunk_size": 50, "n_action_steps": 50},
    "one action a token": {"actions_per_token": 1},
    "two draws a window": {"draws_per_window": 2},
}

VARIANTS: dict[str, Variant] = {
    **{f"pi0: {name}": Variant("tiny_pi0", options) for name, options in PI0.items()},
    "pi0: windows of the first half": Variant("tiny_pi0", starts=range(50)),
    "pi0: 25 windows an episode": Variant("tiny_pi0", starts=STUDY_STARTS),
    **{f"fast: {name}": Variant("tiny_pi0_fast", options) for name, options in FAST.items()},
    "fast: original": Variant("tiny_pi0_fast", {"preset": "original"}, batch_size=128, steps=1000, starts=STUDY_STARTS),
    "pi0: original": Variant("tiny_pi0", {"preset": "original"}, batch_size=128, steps=1000, starts=STUDY_STARTS),
}
